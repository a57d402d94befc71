// SPDX-License-Identifier: MIT OR Apache-2.0
// The least that an allocator under one lock can do: a bare list of free blocks of one size.
//
// No size, no alignment, no checks, no way to grow. Called as the library is called: two functions
// of another translation unit.
#pragma once

#include <cstddef>

namespace bench {

inline constexpr std::size_t floor_block_bytes = 64;

[[nodiscard]] void* floor_malloc(std::size_t size) noexcept;
void floor_free(void* block) noexcept;

}  // namespace bench
