// SPDX-License-Identifier: MIT OR Apache-2.0
// Where functions of this program lie, by its own symbol table.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace bench {

struct FunctionRange {
  std::uintptr_t begin;
  std::uintptr_t end;
  std::string name;  // as the linker knows it
};

// The functions whose linker name starts with one of `prefixes` ("" is all). Empty if the program
// was stripped.
[[nodiscard]] std::vector<FunctionRange> functions_named(
    const std::vector<std::string_view>& prefixes);

}  // namespace bench
