// SPDX-License-Identifier: MIT OR Apache-2.0
// platform/<name>/rsb/platform.hpp of Linux: what it says to the system about huge pages, as the
// system tells it in /proc/self/smaps; which does not depend on whether huge pages are always on.
#include "rsb/platform.hpp"

#include <stdio.h>
#include <string.h>

#include "rsb/heap.hpp"
#include "support/test.hpp"

using namespace rsb;

namespace {

using Pages = platform::Pages;

enum class Advice { none, wanted, refused, not_mapped };

Advice advice_on(const void* p) {
  FILE* const file = fopen("/proc/self/smaps", "r");
  if (file == nullptr) return Advice::not_mapped;
  Advice advice = Advice::not_mapped;
  bool inside = false;
  char line[4096];
  while (fgets(line, sizeof line, file) != nullptr) {
    unsigned long begin, end;
    if (sscanf(line, "%lx-%lx ", &begin, &end) == 2) {
      inside = begin <= address_of(p) && address_of(p) < end;
    } else if (inside && strncmp(line, "VmFlags:", 8) == 0) {
      advice = strstr(line, " nh") != nullptr   ? Advice::refused
               : strstr(line, " hg") != nullptr ? Advice::wanted
                                                : Advice::none;
    }
  }
  fclose(file);
  return advice;
}

struct KnowsSparse : Pages {
  void* acquire_sparse(size_t bytes, size_t alignment) noexcept {
    void* const base = Pages::acquire_sparse(bytes, alignment);
    if (advice_on(base) == Advice::refused) refused_bytes += bytes;
    return base;
  }
  static inline size_t refused_bytes = 0;
};

struct OverPlatform {
  using Pages = KnowsSparse;
  using Lock = NoLock;
  static constexpr Options options = platform::options;
};

}  // namespace

TEST_CASE("a small program's pages are not huge, however the system gives them") {
  Pages pages;
  void* const first = pages.acquire(32 * MiB, 2 * MiB);
  void* const second = pages.acquire(32 * MiB, 2 * MiB);
  CHECK(advice_on(first) == Advice::refused);
  CHECK(advice_on(second) == Advice::none);
  CHECK(pages.release(first, 32 * MiB));
  CHECK(pages.release(second, 32 * MiB));

  void* const again = pages.acquire(32 * MiB, 2 * MiB);
  CHECK(advice_on(again) == Advice::refused);
  CHECK(pages.release(again, 32 * MiB));
}

TEST_CASE("a large block's pages are the system's choice") {
  Pages pages;
  void* const block = pages.acquire(20 * MiB, 16 * KiB);
  CHECK(advice_on(block) == Advice::none);
  CHECK(pages.release(block, 20 * MiB));
}

TEST_CASE("sparse memory has no huge pages, and does not make a program large") {
  Pages pages;
  void* const sparse = pages.acquire_sparse(256 * MiB, 16 * KiB);
  CHECK(advice_on(sparse) == Advice::refused);
  void* const piece = pages.acquire(32 * MiB, 2 * MiB);
  CHECK(advice_on(piece) == Advice::refused);
  CHECK(pages.release(piece, 32 * MiB));
  CHECK(pages.release(sparse, 256 * MiB));

  void* const later = pages.acquire(32 * MiB, 2 * MiB);
  CHECK(advice_on(later) == Advice::refused);
  CHECK(pages.release(later, 32 * MiB));
}

TEST_CASE("a heap's page map is sparse memory") {
  static constinit Heap<OverPlatform> heap;
  void* const block = heap.allocate(100);
  REQUIRE(block != nullptr);
  CHECK(advice_on(block) == Advice::refused);
  // A descriptor for each page of 16 MiB of addresses, at least.
  CHECK(KnowsSparse::refused_bytes >= (16 * MiB / platform::options.page_size) * sizeof(Span));
  heap.deallocate(block);
}

TEST_CASE(
    "a large program has huge pages for small blocks at most, not for those that fill a span") {
  static constinit Heap<OverPlatform> heap;
  constexpr size_t span = OverPlatform::options.span_size;
  constexpr size_t bytes = 256 * MiB;  // twice what makes a program large
  char* last = nullptr;
  for (size_t taken = 0; taken < bytes; taken += span) {
    char* const block = static_cast<char*>(heap.allocate(span / 2 + 1));
    REQUIRE(block != nullptr);
    last = block;
  }
  CHECK(advice_on(last) == Advice::refused);
  for (size_t taken = 0; taken < 2 * OverPlatform::options.acquire_size; taken += span / 4) {
    char* const block = static_cast<char*>(heap.allocate(span / 4));
    REQUIRE(block != nullptr);
    last = block;
  }
  const Advice advice = advice_on(last);
  CHECK((advice == Advice::wanted || advice == Advice::none));  // a platform may leave it open
}
