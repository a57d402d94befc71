// SPDX-License-Identifier: MIT OR Apache-2.0
// A free whose munmap fails: errno stays as it was, and the memory is kept, not lost. The program's
// own munmap stands in for the C library's.
#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rsb/rsb.h"
#include "support/built_instance.hpp"

using support::stats;

namespace {

constinit bool fails = false;
constinit int failed = 0;
constexpr int untouched = 4242;
constexpr size_t MiB = 1024 * 1024;

}  // namespace

extern "C" int munmap(void* base, size_t bytes) noexcept {
  if (fails) {
    failed++;
    errno = ENOMEM;
    return -1;
  }
  return static_cast<int>(syscall(SYS_munmap, base, bytes));
}

extern "C" int madvise(void* base, size_t bytes, int advice) noexcept {
  if (fails) {
    failed++;
    errno = ENOMEM;
    return -1;
  }
  return static_cast<int>(syscall(SYS_madvise, base, bytes, advice));
}

TEST_CASE("a free whose munmap fails keeps errno and the memory") {
  void* blocks[8];
  for (void*& block : blocks) {
    block = rsb_malloc(20 * MiB);
    REQUIRE(block != nullptr);
  }
  const size_t acquired = stats().acquired_bytes;
  fails = true;
  errno = untouched;
  for (void* block : blocks) rsb_free(block);
  const int error = errno;
  fails = false;
  CHECK(failed > 0);
  CHECK(error == untouched);
  CHECK(stats().acquired_bytes == acquired);
  CHECK(stats().live_blocks == 0);
  CHECK(rsb_check() == nullptr);
  // It serves again, without any new.
  const size_t acquisitions = stats().acquisitions;
  for (void*& block : blocks) {
    block = rsb_malloc(20 * MiB);
    REQUIRE(block != nullptr);
    static_cast<char*>(block)[5] = 1;
  }
  CHECK(stats().acquisitions == acquisitions);
  for (void* block : blocks) rsb_free(block);
  rsb_trim();
  CHECK(stats().acquired_bytes == 0);
  CHECK(rsb_check() == nullptr);
}

TEST_CASE("a trim whose calls fail keeps errno and gives back 0") {
  void* const keep = rsb_malloc(100);
  void* const block = rsb_malloc(3 * MiB);
  support::fill(block, 3 * MiB, 1);
  rsb_free(block);
  fails = true;
  errno = untouched;
  const size_t bytes = rsb_trim();
  const int error = errno;
  fails = false;
  CHECK(bytes == 0);
  CHECK(error == untouched);
  CHECK(rsb_check() == nullptr);
  CHECK(rsb_trim() >= 3 * MiB);
  rsb_free(keep);
  CHECK(rsb_check() == nullptr);
}

TEST_CASE("calloc after a discard that failed is zero all the same") {
  void* const keep = rsb_malloc(100);
  for (int i = 0; i < 2; i++) {
    void* const block = rsb_calloc(3 * MiB, 1);
    REQUIRE(block != nullptr);
    CHECK(support::holds_only(block, 3 * MiB, 0));
    support::fill(block, 3 * MiB, 0xff);
    rsb_free(block);
    fails = true;
    rsb_trim();
    fails = false;
  }
  rsb_free(keep);
}
