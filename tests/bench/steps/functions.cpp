// SPDX-License-Identifier: MIT OR Apache-2.0
#include "steps/functions.hpp"

#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <span>

namespace bench {
namespace {

std::vector<char> own_program() {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// How far from its link-time addresses the program was loaded.
std::uintptr_t load_offset() {
  std::uintptr_t offset = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* result) {
        *static_cast<std::uintptr_t*>(result) = info->dlpi_addr;
        return 1;  // the first is the program
      },
      &offset);
  return offset;
}

template <class T>
T read(const std::vector<char>& file, std::size_t at) {
  T value{};
  if (at + sizeof value <= file.size()) std::memcpy(&value, file.data() + at, sizeof value);
  return value;
}

}  // namespace

std::vector<FunctionRange> functions_named(const std::vector<std::string_view>& prefixes) {
  const std::vector<char> file = own_program();
  const auto header = read<Elf64_Ehdr>(file, 0);
  const auto section = [&](std::size_t index) {
    return read<Elf64_Shdr>(file, header.e_shoff + index * sizeof(Elf64_Shdr));
  };
  std::vector<FunctionRange> found;
  for (std::size_t i = 0; i < header.e_shnum; ++i) {
    const Elf64_Shdr table = section(i);
    if (table.sh_type != SHT_SYMTAB) continue;
    const std::size_t names = section(table.sh_link).sh_offset;
    for (std::size_t at = 0; at < table.sh_size; at += sizeof(Elf64_Sym)) {
      const auto symbol = read<Elf64_Sym>(file, table.sh_offset + at);
      if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_size == 0) continue;
      const std::string_view name = file.data() + names + symbol.st_name;
      const auto starts = [&](std::string_view prefix) { return name.starts_with(prefix); };
      if (!std::any_of(prefixes.begin(), prefixes.end(), starts)) continue;
      const std::uintptr_t begin = load_offset() + symbol.st_value;
      found.push_back({begin, begin + symbol.st_size, std::string(name)});
    }
  }
  return found;
}

}  // namespace bench
