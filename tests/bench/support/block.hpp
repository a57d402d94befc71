// SPDX-License-Identifier: MIT OR Apache-2.0
// What a row does with a block: as little as a program that uses it must do.
#pragma once

#include <cstddef>
#include <cstdlib>

namespace bench {

// Where the rows write: a page apart, so that all of a block is resident.
inline constexpr std::size_t touch_stride = 4096;

[[nodiscard]] inline volatile char* bytes_of(void* block) noexcept {
  return static_cast<volatile char*>(block);
}

[[nodiscard]] inline void* checked(void* block) noexcept {
  if (block == nullptr) std::abort();
  return block;
}

// Allocates and writes the first eight bytes. size is at least 8.
[[nodiscard]] inline void* allocate_and_touch(std::size_t size) noexcept {
  void* block = checked(std::malloc(size));
  *static_cast<volatile std::size_t*>(block) = size;
  return block;
}

// Writes a byte a page of [from, to), and the last one.
inline void touch_pages(void* block, std::size_t from, std::size_t to) noexcept {
  volatile char* bytes = bytes_of(block);
  for (std::size_t i = from; i < to; i += touch_stride) bytes[i] = 1;
  bytes[to - 1] = 1;
}

// Allocates and writes so that all of it is resident.
[[nodiscard]] inline void* allocate_and_touch_pages(std::size_t size) noexcept {
  void* block = checked(std::malloc(size));
  touch_pages(block, 0, size);
  return block;
}

}  // namespace bench
