// SPDX-License-Identifier: MIT OR Apache-2.0
// The standard C names in a program that has no C library.
#include "rsb/rsb.h"
#include "runtime.hpp"

extern "C" {
void* malloc(size_t size);
void* calloc(size_t count, size_t size);
void* realloc(void* block, size_t size);
void* reallocarray(void* block, size_t count, size_t size);
void free(void* block);
void* aligned_alloc(size_t alignment, size_t size);
void* memalign(size_t alignment, size_t size);
int posix_memalign(void** block, size_t alignment, size_t size);
void* valloc(size_t size);
void* pvalloc(size_t size);
size_t malloc_usable_size(void* block);
void free_sized(void* block, size_t size);
void free_aligned_sized(void* block, size_t alignment, size_t size);
}

namespace {

void all_names() {
  for (size_t size = 0; size < 3'000'000; size = size * 2 + 1) {
    void* block = malloc(size);
    REQUIRE(block != nullptr && is_aligned_to(block, size < 16 ? 8 : 16));
    REQUIRE(malloc_usable_size(block) >= size);
    fill(block, size, 0xa5);
    block = realloc(block, size + 5000);
    REQUIRE(block != nullptr && is_filled(block, size, 0xa5));
    block = reallocarray(block, size / 2 + 1, 1);
    REQUIRE(block != nullptr && is_filled(block, size / 2, 0xa5));
    free(block);
    block = calloc(size, 1);
    REQUIRE(block != nullptr && is_filled(block, size, 0));
    free_sized(block, size);
    block = aligned_alloc(1024, size);
    REQUIRE(block != nullptr && is_aligned_to(block, 1024));
    free_aligned_sized(block, 1024, size);
    block = memalign(48, size);
    REQUIRE(block != nullptr && is_aligned_to(block, 64));
    free(block);
    REQUIRE(posix_memalign(&block, 32768, size) == 0 && is_aligned_to(block, 32768));
    free(block);
    block = valloc(size);
    REQUIRE(block != nullptr && is_aligned_to(block, rsb_page_size()));
    free(block);
    block = pvalloc(size);
    REQUIRE(block != nullptr && malloc_usable_size(block) % rsb_page_size() == 0);
    free(block);
  }
}

void failures() {
  volatile size_t most = SIZE_MAX;
  REQUIRE(malloc(most) == nullptr);
  REQUIRE(calloc(most, 2) == nullptr);
  REQUIRE(reallocarray(nullptr, most / 2, 3) == nullptr);
  REQUIRE(aligned_alloc(24, 100) == nullptr);
  void* block = nullptr;
  REQUIRE(posix_memalign(&block, 3, 100) == 22 && block == nullptr);
  REQUIRE(posix_memalign(&block, 64, most) == 12 && block == nullptr);
  void* const old = malloc(100);
  fill(old, 100, 1);
  REQUIRE(realloc(old, most) == nullptr);
  REQUIRE(is_filled(old, 100, 1));
  free(old);
}

// A block that becomes large enough to be moved by remapping its pages.
void growth() {
  constexpr size_t first = 3000;
  char* block = nullptr;
  for (size_t size = first; size <= 150'000'000; size *= 3) {
    block = static_cast<char*>(realloc(block, size));
    REQUIRE(block != nullptr);
    REQUIRE(size == first || is_filled(block, 1000, 0x3c));
    REQUIRE(size == first || is_filled(block + size / 3 - 100, 100, 0x4d));
    fill(block, 1000, 0x3c);
    fill(block + size - 100, 100, 0x4d);
  }
  free(block);
}

void pages() {
  void* const run = rsb_page_allocate(3, 0);
  REQUIRE(run != nullptr && is_aligned_to(run, rsb_page_size()));
  fill(run, 3 * rsb_page_size(), 1);
  REQUIRE(rsb_page_resize(run, 1));
  rsb_page_free(run);
}

// More memory than is kept, so that some goes back while the program runs, and all of it at trim.
void giving_back() {
  constexpr size_t count = 300;
  static void* blocks[count];
  rsb_stats before;
  rsb_get_stats(&before);
  for (void*& block : blocks) {
    block = malloc(1 << 20);
    REQUIRE(block != nullptr);
    fill(block, 4096, 9);
  }
  for (void* block : blocks) free(block);
  rsb_stats stats;
  rsb_get_stats(&stats);
  REQUIRE(stats.live_blocks == before.live_blocks && stats.live_bytes == before.live_bytes);
  REQUIRE(stats.peak_used_bytes >= count << 20);
  REQUIRE(stats.releases > 0);
  REQUIRE(rsb_check() == nullptr);
  rsb_trim();
  REQUIRE(rsb_check() == nullptr);
  rsb_get_stats(&stats);
  // (A C library has blocks of its own.)
  REQUIRE(stats.used_bytes == 0 || before.live_blocks != 0);
  free(malloc(10));
}

}  // namespace

extern "C" int main() {
  all_names();
  failures();
  growth();
  pages();
  giving_back();
  return 0;
}
