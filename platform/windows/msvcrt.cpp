// SPDX-License-Identifier: MIT OR Apache-2.0
// The names that Microsoft's C runtime adds to the standard ones. Linking this replaces the
// runtime's allocator for the program, not for the runtime's own DLL: what that allocates for a
// caller (_fullpath, _getcwd, _tempnam, _dupenv_s, with a null buffer) must not be given to free().
// Those functions whose results programs do free are here: all that have a dup in their name.
#include "instance.hpp"
#include "realloc_to_zero.hpp"
#include "rsb/rsb.h"

namespace {

template <class Char>
Char* duplicate(const Char* text) noexcept {
  if (text == nullptr) return nullptr;
  size_t bytes = sizeof(Char);
  for (const Char* p = text; *p != Char{}; p++) bytes += sizeof(Char);
  void* const copy = rsb_malloc(bytes);
  return copy == nullptr ? nullptr : static_cast<Char*>(__builtin_memcpy(copy, text, bytes));
}

// Zeroes a block from its first `bytes` to the end that _msize() tells. The runtime's functions
// zero what a block becomes longer by, from the size last asked for; here, where only the slot's is
// known, what is behind the size last asked for is zero before and after.
void* zero_behind(void* block, size_t bytes) noexcept {
  if (block == nullptr) return nullptr;
  const size_t end = rsb_malloc_usable_size(block);
  if (end > bytes) __builtin_memset(static_cast<char*>(block) + bytes, 0, end - bytes);
  return block;
}

size_t product(size_t count, size_t size) noexcept {
  size_t bytes;
  return __builtin_mul_overflow(count, size, &bytes) ? SIZE_MAX : bytes;
}

// The functions with an offset let block + offset be aligned. Only offsets for which this makes no
// difference are served: a block begins where a slot does.
bool is_servable(size_t alignment, size_t offset) noexcept {
  if (rsb::is_power_of_two(alignment) && offset % alignment == 0) return true;
  rsb::platform::invalid_argument();
  return false;
}

}  // namespace

extern "C" {

void* malloc(size_t) noexcept;
void* calloc(size_t, size_t) noexcept;
void* realloc(void*, size_t) noexcept;
void free(void*) noexcept;

// What a linker is told to look for, so that all of this file is linked (see CMakeLists.txt).
extern const char rsb_replaces_msvcrt = 1;

size_t _msize(void* block) noexcept {
  return rsb_malloc_usable_size(block);
}

// The block itself if it is large enough, else null, and it is as it was.
void* _expand(void* block, size_t size) noexcept {
  return size <= rsb_malloc_usable_size(block) ? block : nullptr;
}

void* _recalloc(void* block, size_t count, size_t size) noexcept {
  const size_t before = rsb_malloc_usable_size(block);
  const size_t bytes = product(count, size);
  return zero_behind(realloc(block, bytes), rsb::smaller(before, bytes));
}

void* _aligned_malloc(size_t size, size_t alignment) noexcept {
  return rsb_aligned_alloc(alignment, size);
}

void* _aligned_realloc(void* block, size_t size, size_t alignment) noexcept {
  if (!is_servable(alignment, 0)) return nullptr;
  if (rsb::frees(block, size)) {
    rsb_free(block);
    return nullptr;
  }
  return rsb_reallocate(block, size, rsb::larger(alignment, sizeof(void*)));
}

void* _aligned_recalloc(void* block, size_t count, size_t size, size_t alignment) noexcept {
  const size_t before = rsb_malloc_usable_size(block);
  const size_t bytes = product(count, size);
  return zero_behind(_aligned_realloc(block, bytes, alignment), rsb::smaller(before, bytes));
}

void* _aligned_offset_malloc(size_t size, size_t alignment, size_t offset) noexcept {
  return is_servable(alignment, offset) ? _aligned_malloc(size, alignment) : nullptr;
}

void* _aligned_offset_realloc(void* block, size_t size, size_t alignment, size_t offset) noexcept {
  return is_servable(alignment, offset) ? _aligned_realloc(block, size, alignment) : nullptr;
}

void* _aligned_offset_recalloc(void* block, size_t count, size_t size, size_t alignment,
                               size_t offset) noexcept {
  if (!is_servable(alignment, offset)) return nullptr;
  return _aligned_recalloc(block, count, size, alignment);
}

size_t _aligned_msize(void* block, size_t, size_t) noexcept {
  return rsb_malloc_usable_size(block);
}

void _aligned_free(void* block) noexcept {
  rsb_free(block);
}

char* strdup(const char* text) noexcept {
  return duplicate(text);
}

char* _strdup(const char* text) noexcept {
  return duplicate(text);
}

wchar_t* wcsdup(const wchar_t* text) noexcept {
  return duplicate(text);
}

wchar_t* _wcsdup(const wchar_t* text) noexcept {
  return duplicate(text);
}

unsigned char* _mbsdup(const unsigned char* text) noexcept {
  return duplicate(text);
}

}  // extern "C"

// Functions that are declared dllimport, as most of these are, are called through pointers of these
// names. Whatever asked for one would get the DLL's function from its import library, and with it
// a second definition of the name itself.
#define IMPORTED(name) \
  extern "C" [[gnu::used]] decltype(&name) const rsb_import_of_##name asm("__imp_" #name) = &name

IMPORTED(malloc);
IMPORTED(calloc);
IMPORTED(realloc);
IMPORTED(free);
IMPORTED(_msize);
IMPORTED(_expand);
IMPORTED(_recalloc);
IMPORTED(_aligned_malloc);
IMPORTED(_aligned_realloc);
IMPORTED(_aligned_recalloc);
IMPORTED(_aligned_offset_malloc);
IMPORTED(_aligned_offset_realloc);
IMPORTED(_aligned_offset_recalloc);
IMPORTED(_aligned_msize);
IMPORTED(_aligned_free);
IMPORTED(strdup);
IMPORTED(_strdup);
IMPORTED(wcsdup);
IMPORTED(_wcsdup);
IMPORTED(_mbsdup);
