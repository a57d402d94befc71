// SPDX-License-Identifier: MIT OR Apache-2.0
#include "addresses.hpp"

#include <dlfcn.h>
#include <link.h>
#include <string.h>
#include <sys/auxv.h>

#include "rsb/internal/machine/bits.hpp"

// Static programs need not have it.
extern "C" [[gnu::weak]] decltype(dladdr) dladdr;

using rsb::platform::Writer;

namespace {

bool find(const void* address, Dl_info& info) noexcept {
  return &dladdr != nullptr && dladdr(address, &info) != 0 && info.dli_fbase != nullptr;
}

const char* base_name(const char* path) noexcept {
  const char* const slash = strrchr(path, '/');
  return slash != nullptr ? slash + 1 : path;
}

// What is linked to a fixed address is looked up by that.
bool is_at_fixed_address(const void* module_base) noexcept {
  return static_cast<const ElfW(Ehdr)*>(module_base)->e_type == ET_EXEC;
}

// The module that this file is in, unless that is the program; else null.
const void* base_of_library() noexcept {
  Dl_info own, program;
  if (!find(reinterpret_cast<const void*>(&base_of_library), own)) return nullptr;
  const auto* const headers = reinterpret_cast<const void*>(getauxval(AT_PHDR));
  if (headers == nullptr || !find(headers, program)) return nullptr;
  return own.dli_fbase != program.dli_fbase ? own.dli_fbase : nullptr;
}

}  // namespace

[[gnu::cold]] void rsb::platform::put_instruction(Writer& out, const void* instruction) noexcept {
  constexpr size_t most_of_name = 80;
  out << instruction;
  Dl_info info;
  if (!find(instruction, info)) return;
  const void* const base = is_at_fixed_address(info.dli_fbase) ? nullptr : info.dli_fbase;
  out << " (";
  if (info.dli_fname != nullptr) out.put_plain(base_name(info.dli_fname), most_of_name);
  out << "+" << reinterpret_cast<const void*>(bytes_from(base, instruction));
  if (info.dli_sname != nullptr) (out << " ").put_plain(info.dli_sname, most_of_name);
  out << ")";
}

[[gnu::cold]] void rsb::platform::put_call(Writer& out, const void* return_address) noexcept {
  put_instruction(out, static_cast<const char*>(return_address) - 1);
}

bool rsb::platform::is_in_library(const void* instruction) noexcept {
  Dl_info info;
  return find(instruction, info) && info.dli_fbase == base_of_library();
}
