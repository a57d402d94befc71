// SPDX-License-Identifier: MIT OR Apache-2.0
// An object that is loaded, the program or a library of it, by what it says of itself (System V
// ABI). No lock is taken under which the dynamic linker runs code of others, as it does for
// dladdr() and dlsym().
#pragma once

#include <link.h>
#include <stdint.h>
#include <sys/auxv.h>

#include "rsb/internal/machine/bits.hpp"

// Static programs need not have it.
extern "C" [[gnu::weak]] decltype(dl_iterate_phdr) dl_iterate_phdr;

namespace rsb::platform {

// Of the hash table that the System V ABI has.
#if defined(__alpha__) || defined(__s390x__)
using HashWord = uint64_t;
#else
using HashWord = uint32_t;
#endif

class LoadedObject {
 public:
  explicit LoadedObject(const dl_phdr_info& info) noexcept : info_(info) {
    const auto* const dynamic = static_cast<const ElfW(Dyn)*>(segment(PT_DYNAMIC));
    if (dynamic == nullptr) return;
    for (const ElfW(Dyn)* d = dynamic; d->d_tag != DT_NULL; d++) note(*d);
  }

  // Its file, as the dynamic linker has found it; empty: the program's, or unknown.
  const char* file() const noexcept { return info_.dlpi_name != nullptr ? info_.dlpi_name : ""; }

  // What it is called by those that need it; null: it says nothing of that.
  const char* soname() const noexcept {
    return soname_ != 0 && strings_ != nullptr ? strings_ + soname_ : nullptr;
  }

  bool is_program() const noexcept {
    return rsb::address_of(info_.dlpi_phdr) == getauxval(AT_PHDR);
  }

  // What its file calls 0.
  const char* base() const noexcept { return reinterpret_cast<const char*>(info_.dlpi_addr); }

  bool contains(const void* address) const noexcept {
    for (size_t i = 0; i < info_.dlpi_phnum; i++) {
      const ElfW(Phdr)& p = info_.dlpi_phdr[i];
      if (p.p_type == PT_LOAD &&
          rsb::address_of(address) - (info_.dlpi_addr + p.p_vaddr) < p.p_memsz) {
        return true;
      }
    }
    return false;
  }

  struct Symbol {
    const char* name;
    const char* at;
    size_t bytes;  // 0: unknown
  };

  // f(Symbol) of what it defines for others, until that is true.
  template <class F>
  bool any_exported(F f) const noexcept {
    if (symbols_ == nullptr || strings_ == nullptr) return false;
    if (gnu_hash_ != nullptr) return any_in_gnu_hash(f);
    return hash_ != nullptr && any_in_hash(f);
  }

  // f(name) of what it takes from others, or may.
  template <class F>
  bool any_imported(F f) const noexcept {
    if (symbols_ == nullptr || strings_ == nullptr) return false;
    return any_in(jumps_, jump_bytes_, jumps_have_addends_, f) ||
           any_in(rela_, rela_bytes_, true, f) || any_in(rel_, rel_bytes_, false, f);
  }

 private:
  // The symbols' own words lie behind the buckets, and the last of each bucket is odd.
  template <class F>
  bool any_in_gnu_hash(F f) const noexcept {
    const uint32_t buckets = gnu_hash_[0], first = gnu_hash_[1], words = gnu_hash_[2];
    const uint32_t* const bucket = gnu_hash_ + 4 + words * (sizeof(ElfW(Addr)) / sizeof(uint32_t));
    const uint32_t* const chain = bucket + buckets;
    for (uint32_t b = 0; b < buckets; b++) {
      if (bucket[b] < first) continue;
      for (uint32_t i = bucket[b];; i++) {
        if (is_defined(symbols_[i], f)) return true;
        if ((chain[i - first] & 1) != 0) break;
      }
    }
    return false;
  }

  // The other kind (--hash-style=sysv), where there is no GNU one: it says how many symbols there
  // are.
  template <class F>
  bool any_in_hash(F f) const noexcept {
    const HashWord symbols = hash_[1];
    for (HashWord i = 1; i < symbols; i++) {
      if (is_defined(symbols_[i], f)) return true;
    }
    return false;
  }

  template <class F>
  bool is_defined(const ElfW(Sym) & symbol, F f) const noexcept {
    constexpr unsigned type_bits = 0xf;
    if (symbol.st_shndx == SHN_UNDEF || (symbol.st_info & type_bits) == STT_TLS) return false;
    return f(Symbol{strings_ + symbol.st_name, base() + symbol.st_value, symbol.st_size});
  }

  void note(const ElfW(Dyn) & d) noexcept {
    switch (d.d_tag) {
      case DT_SYMTAB:
        symbols_ = static_cast<const ElfW(Sym)*>(at(d));
        break;
      case DT_STRTAB:
        strings_ = static_cast<const char*>(at(d));
        break;
      case DT_GNU_HASH:
        gnu_hash_ = static_cast<const uint32_t*>(at(d));
        break;
      case DT_HASH:
        hash_ = static_cast<const HashWord*>(at(d));
        break;
      case DT_SONAME:
        soname_ = d.d_un.d_val;
        break;
      case DT_JMPREL:
        jumps_ = at(d);
        break;
      case DT_PLTRELSZ:
        jump_bytes_ = d.d_un.d_val;
        break;
      case DT_PLTREL:
        jumps_have_addends_ = d.d_un.d_val == DT_RELA;
        break;
      case DT_RELA:
        rela_ = at(d);
        break;
      case DT_RELASZ:
        rela_bytes_ = d.d_un.d_val;
        break;
      case DT_REL:
        rel_ = at(d);
        break;
      case DT_RELSZ:
        rel_bytes_ = d.d_un.d_val;
        break;
      default:
        break;
    }
  }

  const void* segment(unsigned type) const noexcept {
    for (size_t i = 0; i < info_.dlpi_phnum; i++) {
      const ElfW(Phdr)& p = info_.dlpi_phdr[i];
      if (p.p_type == type) return reinterpret_cast<const void*>(info_.dlpi_addr + p.p_vaddr);
    }
    return nullptr;
  }

  // Some dynamic linkers have made an address of it, others leave the file's.
  const void* at(const ElfW(Dyn) & d) const noexcept {
    const void* const as_is = reinterpret_cast<const void*>(d.d_un.d_ptr);
    if (contains(as_is)) return as_is;
    const void* const moved = reinterpret_cast<const void*>(info_.dlpi_addr + d.d_un.d_ptr);
    return contains(moved) ? moved : nullptr;
  }

  template <class F>
  bool any_in(const void* table, size_t bytes, bool have_addends, F f) const noexcept {
    if (table == nullptr) return false;
    const size_t step = have_addends ? sizeof(ElfW(Rela)) : sizeof(ElfW(Rel));
    for (size_t i = 0; i + step <= bytes; i += step) {
      // Both kinds begin alike.
      const auto& entry = *reinterpret_cast<const ElfW(Rel)*>(static_cast<const char*>(table) + i);
      constexpr unsigned shift = sizeof(ElfW(Addr)) == 8 ? 32 : 8;
      const size_t symbol = entry.r_info >> shift;
      if (symbol != 0 && f(strings_ + symbols_[symbol].st_name)) return true;
    }
    return false;
  }

  const dl_phdr_info& info_;
  const ElfW(Sym) * symbols_ = nullptr;
  const char* strings_ = nullptr;
  const uint32_t* gnu_hash_ = nullptr;
  const HashWord* hash_ = nullptr;
  size_t soname_ = 0;
  const void *jumps_ = nullptr, *rela_ = nullptr, *rel_ = nullptr;
  size_t jump_bytes_ = 0, rela_bytes_ = 0, rel_bytes_ = 0;
  bool jumps_have_addends_ = false;
};

// Until f(object) is true; false: it never was.
template <class F>
bool any_object(F f) noexcept {
  if (&dl_iterate_phdr == nullptr) return false;
  return dl_iterate_phdr(
             [](dl_phdr_info* info, size_t, void* context) {
               return (*static_cast<F*>(context))(LoadedObject(*info)) ? 1 : 0;
             },
             &f) != 0;
}

}  // namespace rsb::platform
