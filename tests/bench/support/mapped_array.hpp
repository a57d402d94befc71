// SPDX-License-Identifier: MIT OR Apache-2.0
// An array the harness keeps for itself, mapped straight from the system.
//
// What the harness holds must not pass through the allocator under test: it would be measured with
// it, and would lie among the blocks of the row. Every page is written before the row starts, so it
// causes no page fault inside a timed loop.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <span>
#include <type_traits>

namespace bench {

template <class T>
class MappedArray {
  static_assert(std::is_trivial_v<T>);

 public:
  explicit MappedArray(std::size_t count) : count_(count) {
    void* base = mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (base == MAP_FAILED) std::abort();
    data_ = static_cast<T*>(base);
  }
  MappedArray(const MappedArray&) = delete;
  MappedArray& operator=(const MappedArray&) = delete;
  ~MappedArray() { munmap(data_, count_ * sizeof(T)); }

  [[nodiscard]] T& operator[](std::size_t i) noexcept { return data_[i]; }
  [[nodiscard]] std::size_t size() const noexcept { return count_; }
  [[nodiscard]] T* begin() noexcept { return data_; }
  [[nodiscard]] T* end() noexcept { return data_ + count_; }
  [[nodiscard]] std::span<T> span() noexcept { return {data_, count_}; }

 private:
  T* data_;
  std::size_t count_;
};

}  // namespace bench
