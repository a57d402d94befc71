// SPDX-License-Identifier: MIT OR Apache-2.0
#include "loaded_objects.hpp"

#include <dlfcn.h>
#include <link.h>
#include <stdint.h>
#include <string.h>

#include "rsb/internal/machine/bits.hpp"

namespace {

constexpr char cplusplus_library[] = "libstdc++.so.6";

// Of the hash table that the System V ABI has.
#if defined(__alpha__) || defined(__s390x__)
using HashWord = uint64_t;
#else
using HashWord = uint32_t;
#endif

// Names of the operators that a program may replace, of whatever type size_t is:
// _Znw or _Zna, size, and nothing, alignment, nothrow or both; _ZdlPv or _ZdaPv with them.
bool is_operator(const char* name) noexcept {
  if (strncmp(name, "_Zn", 3) == 0 && (name[3] == 'w' || name[3] == 'a') && name[4] != '\0') {
    name += 5;
  } else if (strncmp(name, "_ZdlPv", 6) == 0 || strncmp(name, "_ZdaPv", 6) == 0) {
    name += 6;
    if (*name == 'm' || *name == 'j') name++;
  } else {
    return false;
  }
  constexpr char alignment[] = "St11align_val_t";
  if (strncmp(name, alignment, sizeof alignment - 1) == 0) name += sizeof alignment - 1;
  return *name == '\0' || strcmp(name, "RKSt9nothrow_t") == 0;
}

class LoadedObject {
 public:
  explicit LoadedObject(const dl_phdr_info& info) noexcept : info_(info) {
    const auto* const dynamic = static_cast<const ElfW(Dyn)*>(segment(PT_DYNAMIC));
    if (dynamic == nullptr) return;
    for (const ElfW(Dyn)* d = dynamic; d->d_tag != DT_NULL; d++) note(*d);
    if (soname_ != 0 && strings_ != nullptr) {
      is_cplusplus_library_ = strcmp(strings_ + soname_, cplusplus_library) == 0;
    }
  }

  bool is_cplusplus_library() const noexcept { return is_cplusplus_library_; }

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

  // f(name, address) of what it defines for others, until that is true.
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
    return symbol.st_shndx != SHN_UNDEF &&
           f(strings_ + symbol.st_name, reinterpret_cast<void*>(info_.dlpi_addr + symbol.st_value));
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
  bool is_cplusplus_library_ = false;
};

// Until f(object) is true.
template <class F>
bool any_object(F f) noexcept {
  return dl_iterate_phdr(
             [](dl_phdr_info* info, size_t, void* context) {
               return (*static_cast<F*>(context))(LoadedObject(*info)) ? 1 : 0;
             },
             &f) != 0;
}

// Something in this library.
constexpr char here = 0;

}  // namespace

bool rsb::platform::only_cplusplus_library_has_operators() noexcept {
  return !any_object([](const LoadedObject& object) {
    if (object.is_cplusplus_library() || object.contains(&here)) return false;
    return object.any_exported([](const char* name, void*) { return is_operator(name); });
  });
}

void rsb::platform::find_in_cplusplus_library(const char* const* names, void** found,
                                              size_t count) noexcept {
  for (size_t i = 0; i < count; i++) found[i] = nullptr;
  any_object([&](const LoadedObject& object) {
    if (!object.is_cplusplus_library()) return false;
    object.any_exported([&](const char* name, void* at) {
      if (!is_operator(name)) return false;
      for (size_t i = 0; i < count; i++) {
        if (strcmp(name, names[i]) == 0) found[i] = at;
      }
      return false;
    });
    return true;
  });
}

size_t rsb::platform::loaded_objects() noexcept {
  size_t count = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* result) {
        *static_cast<size_t*>(result) = static_cast<size_t>(info->dlpi_adds);
        return 1;
      },
      &count);
  return count;
}

void* rsb::platform::find_replaced(const char* name, const void* caller) noexcept {
#if defined(__GLIBC__)
  Dl_info info;
  void* object = nullptr;
  if (dladdr1(caller, &info, &object, RTLD_DL_LINKMAP) == 0 || object == nullptr) return nullptr;
  void* const found = dlsym(object, name);
  void* theirs;
  find_in_cplusplus_library(&name, &theirs, 1);
  return found != theirs ? found : nullptr;
#else
  static_cast<void>(name), static_cast<void>(caller);
  return nullptr;
#endif
}

bool rsb::platform::imports_operators(const void* address) noexcept {
  return any_object([=](const LoadedObject& object) {
    if (!object.contains(address) || object.is_cplusplus_library()) return false;
    return object.any_imported([](const char* name) { return is_operator(name); });
  });
}
