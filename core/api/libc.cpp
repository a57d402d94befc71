// The standard C names. Linking this replaces the C library's allocator.
#include "instance.hpp"
#include "realloc_to_zero.hpp"
#include "rsb/rsb.h"

#pragma GCC visibility push(default)
extern "C" {

// What a linker is told to look for, so that all of this file is linked (see CMakeLists.txt).
extern const char rsb_replaces_libc = 1;

void* malloc(size_t size) noexcept {
  return rsb::allocate(size);
}

void free(void* block) noexcept {
  rsb::deallocate(block);
}

void* calloc(size_t count, size_t size) noexcept {
  return rsb_calloc(count, size);
}

void* realloc(void* block, size_t size) noexcept {
  if (rsb::frees(block, size)) {
    rsb::deallocate(block);
    return nullptr;
  }
  return rsb_realloc(block, size);
}

void* reallocarray(void* block, size_t count, size_t size) noexcept {
  size_t bytes;
  if (__builtin_mul_overflow(count, size, &bytes)) {
    return rsb_reallocarray(nullptr, count, size);  // fails, whatever block it is
  }
  return realloc(block, bytes);
}

void* aligned_alloc(size_t alignment, size_t size) noexcept {
  return rsb_aligned_alloc(alignment, size);
}

void* memalign(size_t alignment, size_t size) noexcept {
  return rsb_memalign(alignment, size);
}

int posix_memalign(void** block, size_t alignment, size_t size) noexcept {
  return rsb_posix_memalign(block, alignment, size);
}

void* valloc(size_t size) noexcept {
  return rsb_valloc(size);
}

void* pvalloc(size_t size) noexcept {
  return rsb_pvalloc(size);
}

size_t malloc_usable_size(void* block) noexcept {
  return rsb_malloc_usable_size(block);
}

void free_sized(void* block, size_t size) noexcept {
  rsb_free_sized(block, size);
}

void free_aligned_sized(void* block, size_t alignment, size_t size) noexcept {
  rsb_free_aligned_sized(block, alignment, size);
}

}  // extern "C"
#pragma GCC visibility pop
