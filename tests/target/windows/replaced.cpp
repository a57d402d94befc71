// SPDX-License-Identifier: MIT OR Apache-2.0
// A program with a C runtime and a C++ library, whose malloc and new are replaced: that statistics
// count its blocks shows it.
#define _GNU_SOURCE  // asprintf
#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include <map>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "rsb/rsb.h"

// Not in the headers of mingw-w64 for this runtime, but in others.
extern "C" size_t _aligned_msize(void*, size_t, size_t);
extern "C" unsigned char* _mbsdup(const unsigned char*);

namespace {

size_t live_blocks() {
  rsb_stats stats;
  rsb_get_stats(&stats);
  return stats.live_blocks;
}

bool is_aligned(const void* p, size_t alignment) {
  return reinterpret_cast<uintptr_t>(p) % alignment == 0;
}

volatile size_t too_much = size_t{1} << 60;

// Whether make() makes one live block, that free() releases.
template <class Make>
bool is_ours(Make make) {
  const size_t before = live_blocks();
  void* const block = make();
  const bool counted = block != nullptr && live_blocks() == before + 1;
  free(block);
  return counted && live_blocks() == before;
}

}  // namespace

TEST_CASE("what the C standard has") {
  CHECK(is_ours([] { return malloc(100); }));
  CHECK(is_ours([] { return calloc(10, 10); }));
  CHECK(is_ours([] { return realloc(nullptr, 100); }));
  CHECK(is_ours([] { return realloc(malloc(10), 100'000); }));
}

TEST_CASE("what duplicates a string") {
  CHECK(is_ours([] { return strdup("hello"); }));
  CHECK(is_ours([] { return _strdup("hello"); }));
  CHECK(is_ours([] { return wcsdup(L"hello"); }));
  CHECK(is_ours([] { return _wcsdup(L"hello"); }));
  CHECK(is_ours([] { return _mbsdup(reinterpret_cast<const unsigned char*>("hello")); }));
  char* const narrow = _strdup("one two three");
  CHECK(strcmp(narrow, "one two three") == 0);
  free(narrow);
  wchar_t* const wide = _wcsdup(L"one two three");
  CHECK(wcscmp(wide, L"one two three") == 0);
  free(wide);
  CHECK(_strdup(nullptr) == nullptr);
}

TEST_CASE("what formats into a string of its own") {
  CHECK(is_ours([] {
    char* text = nullptr;
    return asprintf(&text, "%d", 42) == 2 ? text : nullptr;
  }));
}

TEST_CASE("_msize, _expand and _recalloc") {
  char* block = static_cast<char*>(calloc(10, 10));
  CHECK(_msize(block) >= 100);
  CHECK(_expand(block, 50) == block);
  CHECK(_expand(block, _msize(block)) == block);
  CHECK(_expand(block, 10'000) == nullptr);
  memset(block, 1, _msize(block));
  const size_t before = _msize(block);
  block = static_cast<char*>(_recalloc(block, 100, 100));
  REQUIRE(block != nullptr);
  CHECK(block[before - 1] == 1);
  bool zero = true;
  for (size_t i = before; i < 10'000; i++) zero = zero && block[i] == 0;
  CHECK(zero);
  CHECK(_recalloc(block, too_much, 100) == nullptr);
  free(block);
}

TEST_CASE("_recalloc zeroes all that was not asked for before, also in a block that was longer") {
  for (const size_t size : {size_t{1}, size_t{100}, size_t{5'000}, size_t{40'000}}) {
    for (const size_t shorter : {size / 2, size - 1, size}) {
      CAPTURE(size);
      CAPTURE(shorter);
      char* block = static_cast<char*>(calloc(size, 1));
      memset(block, 1, size);
      block = static_cast<char*>(_recalloc(block, 1, shorter == 0 ? 1 : shorter));
      block = static_cast<char*>(_recalloc(block, 1, size + 100));
      bool zero = true;
      for (size_t i = shorter == 0 ? 1 : shorter; i < size + 100; i++) zero = zero && block[i] == 0;
      CHECK(zero);
      free(block);
    }
  }
}

TEST_CASE("realloc and its like free a block that shall have no bytes") {
  const size_t before = live_blocks();
  volatile size_t nothing = 0;
  void* none = realloc(malloc(100), nothing);
  CHECK(none == nullptr);
  CHECK(_recalloc(malloc(100), nothing, 5) == nullptr);
  CHECK(_aligned_realloc(_aligned_malloc(100, 64), nothing, 64) == nullptr);
  CHECK(_aligned_recalloc(_aligned_malloc(100, 64), 5, nothing, 64) == nullptr);
  CHECK(_aligned_offset_realloc(_aligned_malloc(100, 64), nothing, 64, 0) == nullptr);
  CHECK(_aligned_offset_recalloc(_aligned_malloc(100, 64), 5, nothing, 64, 0) == nullptr);
  CHECK(live_blocks() == before);
}

TEST_CASE("the aligned family, whose blocks free() takes too") {
  for (size_t alignment = 1; alignment <= 1 << 20; alignment *= 4) {
    CAPTURE(alignment);
    CHECK(is_ours([=] { return _aligned_malloc(100, alignment); }));
    CHECK(is_ours([=] { return _aligned_offset_malloc(100, alignment, 2 * alignment); }));
    const size_t before = live_blocks();
    void* block = _aligned_malloc(100, alignment);
    REQUIRE(block != nullptr);
    CHECK(is_aligned(block, alignment));
    CHECK(_aligned_msize(block, alignment, 0) >= 100);
    memset(block, 5, 100);
    block = _aligned_realloc(block, 70'000, alignment);
    REQUIRE(block != nullptr);
    CHECK(is_aligned(block, alignment));
    CHECK(static_cast<char*>(block)[99] == 5);
    _aligned_free(block);
    CHECK(live_blocks() == before);
  }
  errno = 0;
  CHECK(_aligned_malloc(100, 48) == nullptr);
  CHECK(errno == EINVAL);
  errno = 0;
  CHECK(_aligned_offset_malloc(100, 64, 8) == nullptr);
  CHECK(errno == EINVAL);
}

TEST_CASE("what fails sets errno") {
  errno = 0;
  void* const none = malloc(too_much);
  const int error = errno;
  CHECK(none == nullptr);
  CHECK(error == ENOMEM);
}

TEST_CASE("new, and the C++ library") {
  const size_t before = live_blocks();
  {
    const auto one = std::make_unique<int>(3);
    CHECK(live_blocks() == before + 1);
    struct alignas(128) Wide {
      char bytes[128];
    };
    const auto wide = std::make_unique<Wide>();
    CHECK(is_aligned(wide.get(), 128));
    std::map<std::string, std::vector<int>> map;
    for (int i = 0; i < 2000; i++) {
      map[std::to_string(i % 100) + " as a long string"].push_back(i);
    }
    CHECK(map.size() == 100);
    CHECK(live_blocks() >= before + 302);
  }
  CHECK(live_blocks() == before);
}

TEST_CASE("exceptions and threads live on it") {
  size_t caught = 0;
  std::thread([&] {
    for (int i = 0; i < 100; i++) {
      try {
        throw std::runtime_error(std::string(1000, 'x'));
      } catch (const std::exception& e) {
        caught += strlen(e.what());
      }
    }
  }).join();
  CHECK(caught == 100'000);
}

TEST_CASE("files, whose buffers are the runtime's own") {
  FILE* const file = tmpfile();
  REQUIRE(file != nullptr);
  for (int i = 0; i < 1000; i++) fprintf(file, "line %d\n", i);
  rewind(file);
  char line[64];
  int lines = 0;
  while (fgets(line, sizeof line, file) != nullptr) lines++;
  CHECK(lines == 1000);
  fclose(file);
}

TEST_CASE("every invariant holds") {
  CHECK(rsb_check() == nullptr);
}
