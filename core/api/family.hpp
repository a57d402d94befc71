// The standard allocation functions over the built instance, once; c_api.cpp and libc.cpp give them
// their names. Contracts: rsb/rsb.h.
#pragma once

#include "instance.hpp"

namespace rsb::family {

inline constexpr int error_invalid = 22;    // EINVAL
inline constexpr int error_no_memory = 12;  // ENOMEM

// Saturates to a size that no heap can serve.
inline size_t product(size_t count, size_t size) noexcept {
  size_t bytes;
  return __builtin_mul_overflow(count, size, &bytes) ? SIZE_MAX : bytes;
}

inline void* allocate_aligned(size_t alignment, size_t size) noexcept {
  if (!is_power_of_two(alignment)) {
    platform::invalid_argument();
    return nullptr;
  }
  return instance.allocate(size, larger(alignment, sizeof(void*)));
}

inline void* allocate_aligned_rounding_up(size_t alignment, size_t size) noexcept {
  if (!is_power_of_two(alignment)) {
    if (alignment > max_object_bytes) return allocate_aligned(alignment, size);
    alignment = alignment < 2 ? 1 : size_t{1} << (floor_log2(alignment - 1) + 1);
  }
  return allocate_aligned(alignment, size);
}

inline int posix_memalign(void** block, size_t alignment, size_t size) noexcept {
  if (!is_power_of_two(alignment) || alignment < sizeof(void*)) return error_invalid;
  void* const result = instance.allocate(size, alignment);
  if (result == nullptr) return error_no_memory;
  *block = result;
  return 0;
}

inline void* allocate_pages_for(size_t size) noexcept {
  constexpr size_t page = decltype(instance)::page;
  const size_t rounded = size > max_object_bytes ? SIZE_MAX : align_up(larger(size, 1), page);
  return instance.allocate(rounded, page);
}

inline void free_aligned_sized(void* block, size_t alignment, size_t size) noexcept {
  instance.deallocate(block, size, larger(alignment, sizeof(void*)));
}

}  // namespace rsb::family
