// SPDX-License-Identifier: MIT OR Apache-2.0
// What ports/zephyr promises of the C library's functions, which have other names here: those are
// taken by the C library of the tests.
#include <errno.h>
#include <stdint.h>
#include <zephyr/sys/mem_stats.h>

#include "kernel.hpp"
#include "support/bytes.hpp"
#include "support/test.hpp"

extern "C" {
extern int (*const test_begin)(void);
void* zephyr_malloc(size_t size);
void zephyr_free(void* block);
void* zephyr_calloc(size_t count, size_t size);
void* zephyr_realloc(void* block, size_t size);
void* zephyr_reallocarray(void* block, size_t count, size_t size);
void* zephyr_aligned_alloc(size_t alignment, size_t size);
void* zephyr_memalign(size_t alignment, size_t size);
int zephyr_posix_memalign(void** result, size_t alignment, size_t size);
size_t zephyr_malloc_usable_size(void* block);
int malloc_runtime_stats_get(struct sys_memory_stats* stats);
}

namespace {

constexpr size_t arena_bytes = CONFIG_RSB_MALLOC_ARENA_SIZE;

bool is_aligned(const void* p, size_t alignment) {
  return reinterpret_cast<uintptr_t>(p) % alignment == 0;
}

// It begins once, and each test leaves it as it was.
struct Fresh {
  Fresh() {
    static const int status = test_begin();
    CHECK(status == 0);
    errno = 0;
  }
  ~Fresh() {
    void* const most = zephyr_malloc(arena_bytes - arena_bytes / 40 - 700);
    CHECK(most != nullptr);
    zephyr_free(most);
  }
};

}  // namespace

TEST_CASE("before the kernel begins it there is no memory") {
  CHECK(zephyr_malloc(8) == nullptr);
  Fresh fresh;
}

TEST_CASE("blocks are aligned for any object, and each call takes the lock once") {
  Fresh fresh;
  locks = 0;
  void* const p = zephyr_malloc(10);
  CHECK(locks == 1);
  CHECK(is_aligned(p, alignof(max_align_t)));
  zephyr_free(p);
  CHECK(locks == 2);
}

TEST_CASE("what there is no memory for is null, and ENOMEM") {
  Fresh fresh;
  CHECK(zephyr_malloc(arena_bytes) == nullptr);
  CHECK(errno == ENOMEM);
  errno = 0;
  CHECK(zephyr_calloc(SIZE_MAX / 2, 4) == nullptr);
  CHECK(errno == ENOMEM);
  errno = 0;
  CHECK(zephyr_reallocarray(nullptr, SIZE_MAX / 2, 4) == nullptr);
  CHECK(errno == ENOMEM);
  errno = 0;
  CHECK(zephyr_aligned_alloc(64, arena_bytes) == nullptr);
  CHECK(errno == ENOMEM);
}

TEST_CASE("a handler leaves errno alone, for it is the interrupted thread's") {
  Fresh fresh;
  is_in_handler = true;
  CHECK(zephyr_malloc(arena_bytes) == nullptr);
  is_in_handler = false;
  CHECK(errno == 0);
}

TEST_CASE("no bytes are null, and no failure") {
  Fresh fresh;
  CHECK(zephyr_malloc(0) == nullptr);
  CHECK(zephyr_calloc(0, 8) == nullptr);
  CHECK(zephyr_aligned_alloc(64, 0) == nullptr);
  CHECK(zephyr_realloc(nullptr, 0) == nullptr);
  CHECK(zephyr_realloc(zephyr_malloc(8), 0) == nullptr);
  zephyr_free(nullptr);
  CHECK(errno == 0);
}

TEST_CASE("calloc clears, realloc keeps") {
  Fresh fresh;
  void* const dirty = zephyr_malloc(200);
  support::fill(dirty, 200, 0xff);
  zephyr_free(dirty);
  void* p = zephyr_calloc(20, 10);
  CHECK(support::holds_only(p, 200, 0));
  support::fill_pattern(p, 200, 9);
  void* const behind = zephyr_malloc(8);
  p = zephyr_reallocarray(p, 100, 10);
  CHECK(support::holds_pattern(p, 200, 9));
  CHECK(zephyr_malloc_usable_size(p) >= 1'000);
  zephyr_free(p);
  zephyr_free(behind);
}

TEST_CASE("alignments are served or refused") {
  Fresh fresh;
  void* const p = zephyr_aligned_alloc(256, 10);
  CHECK(is_aligned(p, 256));
  void* const q = zephyr_memalign(2, 10);
  CHECK(q != nullptr);
  void* r = nullptr;
  CHECK(zephyr_posix_memalign(&r, 128, 10) == 0);
  CHECK(is_aligned(r, 128));
  for (void* const block : {p, q, r}) zephyr_free(block);
  CHECK(zephyr_posix_memalign(&r, 2, 10) == EINVAL);
  CHECK(zephyr_posix_memalign(&r, 24, 10) == EINVAL);
  CHECK(zephyr_posix_memalign(&r, 64, arena_bytes) == ENOMEM);
}

TEST_CASE("misuse is a panic that is named, with the lock given up") {
  Fresh fresh;
  void* const p = zephyr_malloc(100);
  void* const behind = zephyr_malloc(8);
  zephyr_free(p);
  CHECK(panics("double free", [&] { zephyr_free(p); }));
  zephyr_free(behind);
}

TEST_CASE("statistics add up") {
  Fresh fresh;
  sys_memory_stats s;
  CHECK(malloc_runtime_stats_get(nullptr) == -EINVAL);
  CHECK(malloc_runtime_stats_get(&s) == 0);
  const size_t all = s.free_bytes;
  CHECK(s.allocated_bytes == 0);
  void* const p = zephyr_malloc(1'000);
  malloc_runtime_stats_get(&s);
  CHECK(s.allocated_bytes >= 1'000);
  CHECK(s.free_bytes + s.allocated_bytes == all);
  CHECK(s.max_allocated_bytes >= s.allocated_bytes);
  zephyr_free(p);
}
