// The standard C names. Linking this replaces the C library's allocator.
#include "family.hpp"

using rsb::instance;
namespace family = rsb::family;

#pragma GCC visibility push(default)
extern "C" {

// What a linker is told to look for, so that all of this file is linked (see CMakeLists.txt).
extern const char rsb_replaces_libc = 1;

void* malloc(size_t size) noexcept {
  return instance.allocate(size);
}

void* calloc(size_t count, size_t size) noexcept {
  return instance.allocate_zeroed(family::product(count, size));
}

void free(void* block) noexcept {
  instance.deallocate(block);
}

void* realloc(void* block, size_t size) noexcept {
  return instance.reallocate(block, size);
}

void* reallocarray(void* block, size_t count, size_t size) noexcept {
  return instance.reallocate(block, family::product(count, size));
}

void* aligned_alloc(size_t alignment, size_t size) noexcept {
  return family::allocate_aligned(alignment, size);
}

void* memalign(size_t alignment, size_t size) noexcept {
  return family::allocate_aligned_rounding_up(alignment, size);
}

int posix_memalign(void** block, size_t alignment, size_t size) noexcept {
  return family::posix_memalign(block, alignment, size);
}

void* valloc(size_t size) noexcept {
  return instance.allocate(size, decltype(instance)::page);
}

void* pvalloc(size_t size) noexcept {
  return family::allocate_pages_for(size);
}

size_t malloc_usable_size(void* block) noexcept {
  return instance.usable_size(block);
}

void free_sized(void* block, size_t size) noexcept {
  instance.deallocate(block, size);
}

void free_aligned_sized(void* block, size_t alignment, size_t size) noexcept {
  family::free_aligned_sized(block, alignment, size);
}

}  // extern "C"
#pragma GCC visibility pop
