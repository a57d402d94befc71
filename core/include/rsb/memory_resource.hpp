// SPDX-License-Identifier: MIT OR Apache-2.0
// A std::pmr::memory_resource over the built instance. For hosted programs only: the one header of
// rsbmalloc that includes the C++ library.
#pragma once

#include "rsb/internal/machine/language.hpp"

#include <memory_resource>
#include <new>

#include "rsb/rsb.h"

namespace rsb {

// Stateless: all are equal. Exhaustion throws std::bad_alloc, as the standard asks
// ([mem.res.private]); without exceptions it aborts.
class MemoryResource : public std::pmr::memory_resource {
 private:
  void* do_allocate(size_t bytes, size_t alignment) override {
    if (void* const block = rsb_allocate(bytes, alignment)) return block;
#if defined(__cpp_exceptions)
    throw std::bad_alloc();
#else
    __builtin_abort();
#endif
  }

  void do_deallocate(void* block, size_t bytes, size_t alignment) override {
    rsb_deallocate(block, bytes, alignment);
  }

  bool do_is_equal(const std::pmr::memory_resource& other) const noexcept override {
    return this == &other;
  }
};

// The resource to hand out; never null. All users share one object, so it always compares equal to
// itself.
inline std::pmr::memory_resource* memory_resource() noexcept {
  static constinit MemoryResource resource;
  return &resource;
}

}  // namespace rsb
