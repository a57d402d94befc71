// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb::Allocator<T>: the C++ standard's allocator requirements ([allocator.requirements], C++20)
// over the built instance, for containers. Size and alignment are known, so a list node of 12 bytes
// costs 16, an int 4.
//
// Stateless: all are equal. Exhaustion is fatal (Fault::out_of_memory), since containers cannot be
// told without exceptions. Threads: as the built instance.
#pragma once

#include "rsb/fault.hpp"

namespace rsb {

template <class T>
class Allocator {
 public:
  using value_type = T;

  constexpr Allocator() noexcept = default;
  template <class U>
  constexpr Allocator(const Allocator<U>&) noexcept {}

  [[nodiscard]] T* allocate(size_t count) noexcept {
    size_t bytes = 0;
    if (!__builtin_mul_overflow(count, sizeof(T), &bytes)) {
      if (void* const block = rsb_allocate(bytes, alignof(T))) return static_cast<T*>(block);
    }
    raise(Fault::out_of_memory, nullptr);
  }

  void deallocate(T* block, size_t count) noexcept {
    rsb_deallocate(block, count * sizeof(T), alignof(T));
  }

  template <class U>
  friend constexpr bool operator==(const Allocator&, const Allocator<U>&) noexcept {
    return true;
  }
};

}  // namespace rsb
