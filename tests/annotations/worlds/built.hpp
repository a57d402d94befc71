// SPDX-License-Identifier: MIT OR Apache-2.0
// The built instance, by the names of the C library where it has some.
#pragma once

#include <malloc.h>
#include <rsb/rsb.h>
#include <stdlib.h>

#ifdef RSB_PREFIXED  // beside a sanitizer, which has the others
#define RSB_NAME(name) rsb_##name
#else
#define RSB_NAME(name) name
#endif

namespace world {

inline void begin() {}
inline void clear() {}
inline void* allocate(size_t size) {
  return RSB_NAME(malloc)(size);
}
inline void* allocate(size_t size, size_t alignment) {
  return RSB_NAME(memalign)(alignment, size);
}
inline void* allocate_zeroed(size_t size) {
  return RSB_NAME(calloc)(1, size);
}
inline void* reallocate(void* block, size_t size) {
  return RSB_NAME(realloc)(block, size);
}
inline void deallocate(void* block) {
  RSB_NAME(free)(block);
}
inline void* allocate_nowait(size_t size) {
  return rsb_malloc_nowait(size);
}
inline void deallocate_nowait(void* block) {
  rsb_free_nowait(block);
}
inline size_t usable_size(void* block) {
  return RSB_NAME(malloc_usable_size)(block);
}
inline bool is_sound() {
  return rsb_check() == nullptr;
}
inline bool is_live(void* block) {
  rsb_description description;
  return rsb_describe(block, &description) != 0 && description.state == RSB_BLOCK_LIVE;
}
inline void trim() {
  rsb_trim();
}
inline bool walk() {
  return rsb_walk([](void* block, size_t, void*) { return block != nullptr ? 1 : 0; }, nullptr);
}

}  // namespace world
