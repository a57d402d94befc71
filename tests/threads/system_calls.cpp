// SPDX-License-Identifier: MIT OR Apache-2.0
// System calls that fail: nothing is lost, and errno is the caller's.
#include <doctest/doctest.h>

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <initializer_list>

#include "rsb/rsb.h"

namespace {

bool unmapping_fails = false;
bool moving_fails = false;
int failed_calls = 0;
int calls = 0;

}  // namespace

// In place of the C library's, which the heap calls.
extern "C" void* mmap(void* base, size_t bytes, int protection, int flags, int file,
                      off_t offset) noexcept {
  calls++;
  return reinterpret_cast<void*>(syscall(SYS_mmap, base, bytes, protection, flags, file, offset));
}

extern "C" int munmap(void* base, size_t bytes) noexcept {
  calls++;
  if (unmapping_fails) {
    failed_calls++;
    errno = ENOMEM;
    return -1;
  }
  return static_cast<int>(syscall(SYS_munmap, base, bytes));
}

extern "C" int madvise(void* base, size_t bytes, int advice) noexcept {
  calls++;
  if (unmapping_fails) {
    failed_calls++;
    errno = EAGAIN;
    return -1;
  }
  return static_cast<int>(syscall(SYS_madvise, base, bytes, advice));
}

// Fails as Linux before 6.17 does when the pages to be moved belong to more than one mapping: what
// was mapped at the new address is gone then.
extern "C" void* mremap(void* from, size_t old_bytes, size_t new_bytes, int flags, ...) noexcept {
  va_list arguments;
  va_start(arguments, flags);
  void* const to = va_arg(arguments, void*);
  va_end(arguments);
  calls++;
  if (moving_fails) {
    failed_calls++;
    syscall(SYS_munmap, to, new_bytes);
    errno = EFAULT;
    return MAP_FAILED;
  }
  return reinterpret_cast<void*>(syscall(SYS_mremap, from, old_bytes, new_bytes, flags, to));
}

TEST_CASE("free keeps errno") {
  for (size_t size = 1; size < size_t{512} << 20; size *= 3) {
    void* const block = rsb_malloc(size);
    REQUIRE(block != nullptr);
    errno = 4711;
    rsb_free(block);
    CHECK(errno == 4711);
  }
  errno = 4711;
  rsb_free(nullptr);
  CHECK(errno == 4711);
}

TEST_CASE("a successful allocation keeps errno") {
  errno = 4711;
  void* const small = rsb_malloc(24);
  void* const large = rsb_malloc(size_t{100} << 20);
  void* const aligned = rsb_aligned_alloc(size_t{64} << 20, 24);
  REQUIRE(small != nullptr);
  REQUIRE(large != nullptr);
  REQUIRE(aligned != nullptr);
  CHECK(errno == 4711);
  rsb_free(small);
  rsb_free(large);
  rsb_free(aligned);
}

TEST_CASE("free keeps errno, and the memory, when the system does not take it back") {
  const size_t size = size_t{200} << 20;
  void* const block = rsb_malloc(size);
  REQUIRE(block != nullptr);
  unmapping_fails = true;
  failed_calls = 0;
  errno = 4711;
  rsb_free(block);
  CHECK(errno == 4711);
  CHECK(failed_calls > 0);
  rsb_trim();
  CHECK(errno == 4711);
  CHECK(rsb_check() == nullptr);
  rsb_stats stats;
  rsb_get_stats(&stats);
  CHECK(stats.free_bytes >= size);

  // Not lost: it serves the next request.
  void* const again = rsb_malloc(size);
  CHECK(again == block);
  rsb_free(again);

  unmapping_fails = false;
  CHECK(rsb_trim() >= size);
  rsb_get_stats(&stats);
  CHECK(stats.free_bytes < size);
  CHECK(rsb_check() == nullptr);
}

TEST_CASE("every failed allocation sets ENOMEM, overflow included") {
  const auto fails = [](auto allocate) {
    errno = 0;
    return allocate() == nullptr && errno == ENOMEM;
  };
  volatile size_t too_much = size_t{1} << 60;
  volatile size_t most = SIZE_MAX;
  CHECK(fails([&] { return rsb_malloc(too_much); }));
  CHECK(fails([&] { return rsb_malloc(most); }));
  CHECK(fails([&] { return rsb_calloc(1, too_much); }));
  CHECK(fails([&] { return rsb_calloc(most, 2); }));
  CHECK(fails([&] { return rsb_calloc(too_much, 16); }));
  CHECK(fails([&] { return rsb_realloc(nullptr, most); }));
  CHECK(fails([&] { return rsb_reallocarray(nullptr, most, 16); }));
  CHECK(fails([&] { return rsb_aligned_alloc(64, most); }));
  CHECK(fails([&] { return rsb_aligned_alloc(too_much, 64); }));
  CHECK(fails([&] { return rsb_memalign(64, too_much); }));
  CHECK(fails([&] { return rsb_valloc(most); }));
  CHECK(fails([&] { return rsb_pvalloc(most); }));
  CHECK(fails([&] { return rsb_allocate(too_much, 8); }));
  void* const block = rsb_malloc(100);
  CHECK(fails([&] { return rsb_realloc(block, too_much); }));
  CHECK(fails([&] { return rsb_realloc(block, most); }));
  CHECK(fails([&] { return rsb_reallocarray(block, most, 16); }));
  rsb_free(block);
}

TEST_CASE("a request that cannot be met costs the next one no system call") {
  const size_t size = 40'000;
  void* small[100];
  for (void*& block : small) block = rsb_malloc(1'000);
  rsb_free(rsb_malloc(size));
  // In a cache, if there are any.
  for (void* block : small) rsb_free(block);
  for (int i = 0; i < 100; i++) {
    volatile size_t all_addresses = size_t{1} << 47;
    calls = 0;
    CHECK(rsb_malloc(all_addresses) == nullptr);
    CHECK(calls <= 3);
    calls = 0;
    void* const block = rsb_malloc(size);
    REQUIRE(block != nullptr);
    memset(block, 'x', size);
    rsb_free(block);
    for (void*& one : small) one = rsb_malloc(1'000);
    for (void* one : small) rsb_free(one);
    CHECK(calls == 0);
  }
}

TEST_CASE("posix_memalign returns its error and keeps errno's meaning to itself") {
  void* block = &block;
  CHECK(rsb_posix_memalign(&block, 24, 100) == EINVAL);
  CHECK(rsb_posix_memalign(&block, 64, size_t{1} << 60) == ENOMEM);
  CHECK(block == static_cast<void*>(&block));
}

TEST_CASE("realloc copies when the system cannot move pages") {
  for (const bool fails : {false, true}) {
    moving_fails = fails;
    failed_calls = 0;
    size_t size = size_t{1} << 20;
    char* block = static_cast<char*>(rsb_malloc(size));
    REQUIRE(block != nullptr);
    memset(block, 'x', size);
    // Blocks behind it, so that it cannot grow where it is.
    void* const other = rsb_malloc(size);
    for (; size < size_t{40} << 20; size *= 2) {
      errno = 4711;
      block = static_cast<char*>(rsb_realloc(block, 2 * size));
      REQUIRE(block != nullptr);
      CHECK(errno == 4711);
      CHECK(block[0] == 'x');
      CHECK(block[size / 2] == 'x');
      CHECK(block[size - 1] == 'x');
      memset(block, 'x', 2 * size);
      void* const in_the_way = rsb_malloc(size_t{1} << 20);
      REQUIRE(in_the_way != nullptr);
      memset(in_the_way, 'y', size_t{1} << 20);
      CHECK(rsb_check() == nullptr);
      rsb_free(in_the_way);
    }
    rsb_free(other);
    rsb_free(block);
  }
  moving_fails = false;
}
