// SPDX-License-Identifier: MIT OR Apache-2.0
// The standard C names. Linking this replaces the C library's allocator.
//
// Tools that look on (Valgrind, heaptrack, wrappers of a program's own) put others in the place of
// malloc, realloc, memalign and free, by name, but not of the names that they do not know. So those
// call these, and by name: a block may be another's than the heap's.
#include "instance.hpp"
#include "realloc_to_zero.hpp"
#include "rsb/rsb.h"

namespace {

// Whether blocks are zero when they are handed out, as picolibc's are: RSB_MALLOC_CLEARS. All that
// may be used of them, and what realloc() adds.
#ifdef RSB_MALLOC_CLEARS
constexpr bool clears = true;
#else
constexpr bool clears = false;
#endif

void* cleared(void* block) noexcept {
  if (clears && block != nullptr) __builtin_memset(block, 0, rsb_malloc_usable_size(block));
  return block;
}

[[maybe_unused]] void* reallocate_cleared(void* block, size_t size) noexcept {
  const size_t kept = rsb::smaller(rsb_malloc_usable_size(block), size);
  char* const resized = static_cast<char*>(rsb_realloc(block, size));
  if (resized != nullptr) {
    __builtin_memset(resized + kept, 0, rsb_malloc_usable_size(resized) - kept);
  }
  return resized;
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

// What a linker is told to look for, so that all of this file is linked (see CMakeLists.txt).
extern const char rsb_replaces_libc = 1;

void* malloc(size_t size) noexcept {
  if constexpr (clears) return rsb_calloc(1, size);
  return rsb::allocate(size);
}

[[gnu::noinline]] void free(void* block) noexcept {
  rsb::deallocate(block);
}

void* calloc(size_t count, size_t size) noexcept {
  return rsb_calloc(count, size);
}

[[gnu::noinline]] void* realloc(void* block, size_t size) noexcept {
  if (rsb::frees(block, size)) {
    rsb::deallocate(block);
    return nullptr;
  }
  if constexpr (clears) return reallocate_cleared(block, size);
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
  return cleared(rsb_aligned_alloc(alignment, size));
}

[[gnu::noinline]] void* memalign(size_t alignment, size_t size) noexcept {
  return cleared(rsb_memalign(alignment, size));
}

int posix_memalign(void** block, size_t alignment, size_t size) noexcept {
  const int error = rsb_posix_memalign(block, alignment, size);
  if (error == 0) cleared(*block);
  return error;
}

void* valloc(size_t size) noexcept {
  return cleared(rsb_valloc(size));
}

void* pvalloc(size_t size) noexcept {
  constexpr size_t page = rsb::valloc_alignment();
  if (size > rsb::max_object_bytes) return rsb_pvalloc(size);  // fails
  return memalign(page, rsb::align_up(rsb::larger(size, 1), page));
}

size_t malloc_usable_size(void* block) noexcept {
  return rsb_malloc_usable_size(block);
}

void free_sized(void* block, size_t size) noexcept {
  rsb::instance.expect_size(block, size);
  free(block);
}

void free_aligned_sized(void* block, size_t alignment, size_t size) noexcept {
  rsb::instance.expect_size(block, size, rsb::larger(alignment, sizeof(void*)));
  free(block);
}

}  // extern "C"
#pragma GCC visibility pop
