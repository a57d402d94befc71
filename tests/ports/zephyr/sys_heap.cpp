// SPDX-License-Identifier: MIT OR Apache-2.0
// What ports/zephyr promises of Zephyr's sys_heap.h, under each of CMakeLists.txt's settings.
#include <errno.h>
#include <stdint.h>
#include <zephyr/sys/heap_listener.h>
#include <zephyr/sys/sys_heap.h>

#include "kernel.hpp"
#include "support/bytes.hpp"
#include "support/test.hpp"

namespace {

constexpr bool listens = IS_ENABLED(CONFIG_SYS_HEAP_LISTENER);

struct Note {
  uintptr_t heap;
  void* memory;
  size_t bytes;
};
Note allocated, freed;
unsigned notes = 0;

const char* zephyrs_call = nullptr;  // of its own functions, the last one

sys_heap* saved = nullptr;

// A heap in memory that begins anywhere.
struct Fresh {
  sys_heap heap{};
  size_t bytes;

  explicit Fresh(size_t size = 16 * 1024, size_t at = 4) : bytes(size) {
    sys_heap_init(&heap, memory + at, size);
    notes = 0;
  }
  bool holds(const void* p, size_t n) const {
    const auto* const at = static_cast<const char*>(p);
    return at >= memory && at + n <= memory + sizeof memory;
  }
  void check_is_whole() {
    CHECK(sys_heap_validate(&heap));
    void* const most = sys_heap_alloc(&heap, bytes - bytes / 20 - 700);
    CHECK(most != nullptr);
    sys_heap_free(&heap, most);
  }

  alignas(16) static inline char memory[24 * 1024];
};

bool is_aligned(const void* p, size_t alignment) {
  return reinterpret_cast<uintptr_t>(p) % alignment == 0;
}

}  // namespace

extern "C" {

void heap_listener_notify_alloc(uintptr_t heap_id, void* mem, size_t bytes) {
  allocated = {heap_id, mem, bytes};
  notes++;
}
void heap_listener_notify_free(uintptr_t heap_id, void* mem, size_t bytes) {
  freed = {heap_id, mem, bytes};
  notes++;
}
int sys_heap_array_save(sys_heap* heap) {
  saved = heap;
  return 0;
}

void zephyr_heap_init(sys_heap*, void*, size_t) {
  zephyrs_call = "init";
}
void* zephyr_heap_alloc(sys_heap*, size_t) {
  zephyrs_call = "alloc";
  return Fresh::memory;
}
void* zephyr_heap_aligned_alloc(sys_heap*, size_t, size_t) {
  zephyrs_call = "aligned_alloc";
  return Fresh::memory;
}
void* zephyr_heap_aligned_realloc(sys_heap*, void*, size_t, size_t) {
  zephyrs_call = "aligned_realloc";
  return Fresh::memory;
}
void zephyr_heap_free(sys_heap*, void*) {
  zephyrs_call = "free";
}
size_t zephyr_heap_usable_size(sys_heap*, void*) {
  zephyrs_call = "usable_size";
  return 0;
}
int zephyr_heap_runtime_stats_get(sys_heap*, sys_memory_stats*) {
  zephyrs_call = "runtime_stats_get";
  return 0;
}
int zephyr_heap_runtime_stats_reset_max(sys_heap*) {
  zephyrs_call = "runtime_stats_reset_max";
  return 0;
}
bool zephyr_heap_validate(sys_heap*) {
  zephyrs_call = "validate";
  return true;
}
void zephyr_heap_print_info(sys_heap*, bool) {
  zephyrs_call = "print_info";
}

}  // extern "C"

TEST_CASE("blocks are in the heap's memory, apart, and can all be had again") {
  Fresh f;
  void* blocks[40];
  for (unsigned i = 0; i < 40; i++) {
    blocks[i] = sys_heap_alloc(&f.heap, 100);
    REQUIRE(blocks[i] != nullptr);
    CHECK(f.holds(blocks[i], 100));
    CHECK(is_aligned(blocks[i], sizeof(void*)));
    CHECK(sys_heap_usable_size(&f.heap, blocks[i]) >= 100);
    support::fill_pattern(blocks[i], sys_heap_usable_size(&f.heap, blocks[i]), i);
  }
  CHECK(sys_heap_validate(&f.heap));
  for (unsigned i = 0; i < 40; i++) {
    CHECK(support::holds_pattern(blocks[i], sys_heap_usable_size(&f.heap, blocks[i]), i));
    sys_heap_free(&f.heap, blocks[i]);
  }
  f.check_is_whole();
}

TEST_CASE("nothing is null: no bytes, too many, and a null that is freed") {
  Fresh f;
  CHECK(sys_heap_alloc(&f.heap, 0) == nullptr);
  CHECK(sys_heap_aligned_alloc(&f.heap, 64, 0) == nullptr);
  CHECK(sys_heap_alloc(&f.heap, f.bytes) == nullptr);
  CHECK(sys_heap_alloc(&f.heap, SIZE_MAX) == nullptr);
  CHECK(sys_heap_aligned_alloc(&f.heap, 64, SIZE_MAX) == nullptr);
  CHECK(sys_heap_aligned_alloc(&f.heap, 64 | sizeof(void*), SIZE_MAX - 8) == nullptr);
  CHECK(sys_heap_aligned_alloc(&f.heap, 64 | sizeof(void*), 0) == nullptr);
  sys_heap_free(&f.heap, nullptr);
  CHECK(notes == 0);
  f.check_is_whole();
}

TEST_CASE("memory is aligned, or begins before what is aligned") {
  Fresh f;
  for (size_t alignment = sizeof(void*); alignment <= 1024; alignment *= 2) {
    void* const other = sys_heap_alloc(&f.heap, 24);
    void* const exactly = sys_heap_aligned_alloc(&f.heap, alignment, 100);
    REQUIRE(exactly != nullptr);
    CHECK(is_aligned(exactly, alignment));
    CHECK(sys_heap_usable_size(&f.heap, exactly) >= 100);
    if (alignment > sizeof(void*)) {
      const size_t both = alignment | sizeof(void*);
      auto* const p = static_cast<char*>(sys_heap_aligned_alloc(&f.heap, both, 100));
      REQUIRE(p != nullptr);
      CHECK(is_aligned(p + sizeof(void*), alignment));
      const size_t bytes = sys_heap_usable_size(&f.heap, p);
      CHECK(bytes >= 100);
      CHECK(bytes < 100 + 48);
      CHECK(f.holds(p, bytes));
      support::fill_pattern(p, bytes, 3);
      CHECK(sys_heap_validate(&f.heap));
      CHECK(support::holds_pattern(p, bytes, 3));
      sys_heap_free(&f.heap, p);
    }
    sys_heap_free(&f.heap, other);
    sys_heap_free(&f.heap, exactly);
  }
  f.check_is_whole();
}

TEST_CASE("a block is resized where it is, or moved with what is in it") {
  Fresh f;
  void* p = sys_heap_aligned_realloc(&f.heap, nullptr, 0, 40);
  support::fill_pattern(p, 40, 1);
  CHECK(sys_heap_realloc(&f.heap, p, 400) == p);
  CHECK(support::holds_pattern(p, 40, 1));
  void* const behind = sys_heap_alloc(&f.heap, 40);
  support::fill_pattern(p, 400, 2);
  void* const moved = sys_heap_realloc(&f.heap, p, 2'000);
  CHECK(moved != p);
  CHECK(support::holds_pattern(moved, 400, 2));
  void* const aligned = sys_heap_aligned_realloc(&f.heap, moved, 1024, 300);
  CHECK(is_aligned(aligned, 1024));
  CHECK(support::holds_pattern(aligned, 300, 2));
  CHECK(sys_heap_realloc(&f.heap, aligned, f.bytes) == nullptr);
  CHECK(support::holds_pattern(aligned, 300, 2));
  CHECK(sys_heap_realloc(&f.heap, aligned, 0) == nullptr);
  sys_heap_free(&f.heap, behind);
  f.check_is_whole();
}

TEST_CASE("what begins before an aligned address is resized too") {
  Fresh f;
  const size_t both = 64 | sizeof(void*);
  auto* p = static_cast<char*>(sys_heap_aligned_alloc(&f.heap, both, 50));
  support::fill_pattern(p, 50, 1);
  CHECK(sys_heap_realloc(&f.heap, p, 500) == p);
  void* others[4];  // behind it, and in what is free before it
  for (void*& other : others) other = sys_heap_alloc(&f.heap, 40);
  support::fill_pattern(p, 500, 2);
  auto* const moved = static_cast<char*>(sys_heap_realloc(&f.heap, p, 1'500));
  REQUIRE(moved != nullptr);
  CHECK(moved != p);
  CHECK(support::holds_pattern(moved, 500, 2));
  CHECK(sys_heap_usable_size(&f.heap, moved) >= 1'500);
  auto* const aligned = static_cast<char*>(sys_heap_aligned_realloc(&f.heap, moved, 256, 700));
  REQUIRE(aligned != nullptr);
  CHECK(is_aligned(aligned, 256));
  CHECK(support::holds_pattern(aligned, 500, 2));
  CHECK(sys_heap_realloc(&f.heap, aligned, SIZE_MAX) == nullptr);
  p = static_cast<char*>(sys_heap_aligned_alloc(&f.heap, both, 50));
  CHECK(sys_heap_realloc(&f.heap, p, SIZE_MAX - 8) == nullptr);
  sys_heap_free(&f.heap, p);
  sys_heap_free(&f.heap, aligned);
  for (void* const other : others) sys_heap_free(&f.heap, other);
  f.check_is_whole();
}

TEST_CASE("misuse is a panic that is named") {
  Fresh f;
  auto* const block = static_cast<char*>(sys_heap_alloc(&f.heap, 100));
  // Its granule begins with a word that is a link once it is free.
  auto* const before = static_cast<char*>(sys_heap_aligned_alloc(&f.heap, 3 * sizeof(void*), 100));
  auto* const behind = static_cast<char*>(sys_heap_alloc(&f.heap, 100));
  static char elsewhere[64];
  if (!IS_ENABLED(CONFIG_RSB_CHECKS_OFF)) {
    CHECK(panics("not from this heap", [&] { sys_heap_free(&f.heap, elsewhere + 32); }));
    if (!IS_ENABLED(CONFIG_RSB_WORDS)) {  // by odds
      CHECK(panics("points into", [&] { sys_heap_usable_size(&f.heap, behind + 32); }));
    }
    sys_heap_free(&f.heap, before);
    CHECK(panics("double free", [&] { sys_heap_free(&f.heap, before); }));
    sys_heap_free(&f.heap, block);
    CHECK(panics("double free", [&] { sys_heap_free(&f.heap, block); }));
  }
  sys_heap_free(&f.heap, behind);
}

TEST_CASE("what points into a block's first bytes is none, whatever they hold") {
  if (IS_ENABLED(CONFIG_RSB_CHECKS_OFF)) return;
  Fresh f;
  auto* const block = static_cast<char*>(sys_heap_alloc(&f.heap, 100));
  for (size_t word : {size_t{0}, sizeof(void*), size_t{4}, ~size_t{0}}) {
    for (size_t at = 0; at < 96; at += sizeof word) memcpy(block + at, &word, sizeof word);
    for (size_t into : {sizeof(void*), size_t{1}, size_t{7}}) {
      CHECK(panics("freed pointer", [&] { sys_heap_free(&f.heap, block + into); }));
      CHECK(panics("freed pointer",
                   [&] { static_cast<void>(sys_heap_realloc(&f.heap, block + into, 300)); }));
      CHECK(panics("freed pointer", [&] { sys_heap_usable_size(&f.heap, block + into); }));
    }
  }
  auto* const before = static_cast<char*>(sys_heap_aligned_alloc(&f.heap, 64 | sizeof(void*), 100));
  if (!IS_ENABLED(CONFIG_RSB_WORDS)) {  // by odds
    CHECK(panics("freed pointer", [&] { sys_heap_free(&f.heap, before + 3); }));
  }
  // Nor is anything read of what is elsewhere.
  auto* const nowhere = reinterpret_cast<char*>(~uintptr_t{0} - 3 * sizeof(void*) + 1);
  CHECK(panics("not from this heap", [&] { sys_heap_free(&f.heap, nowhere); }));
  sys_heap_free(&f.heap, before);
  sys_heap_free(&f.heap, block);
  f.check_is_whole();
}

TEST_CASE("a heap that is too small is a panic, the least is not") {
  if (CONFIG_RSB_SYS_HEAP_LEAST != 0) return;
  sys_heap heap{};
  for (size_t bytes = 0; bytes < 500; bytes += 20) {
    CHECK(panics("too small", [&] { sys_heap_init(&heap, Fresh::memory, bytes); }));
  }
  Fresh f(sizeof(void*) == 4 ? 900 : 1'600);
  CHECK(sys_heap_alloc(&f.heap, 100) != nullptr);
}

TEST_CASE("small heaps are left to Zephyr") {
  if (CONFIG_RSB_SYS_HEAP_LEAST == 0) return;
  Fresh f(CONFIG_RSB_SYS_HEAP_LEAST);
  zephyrs_call = nullptr;
  sys_heap_free(&f.heap, sys_heap_alloc(&f.heap, 10));
  CHECK(sys_heap_validate(&f.heap));
  CHECK(zephyrs_call == nullptr);

  sys_heap small{};
  const auto is_told = [&](const char* name) {
    const bool is = zephyrs_call != nullptr && strcmp(zephyrs_call, name) == 0;
    zephyrs_call = nullptr;
    return is;
  };
  sys_heap_init(&small, Fresh::memory, CONFIG_RSB_SYS_HEAP_LEAST - 1);
  CHECK(is_told("init"));
  CHECK(sys_heap_alloc(&small, 10) == Fresh::memory);
  CHECK(is_told("alloc"));
  CHECK(sys_heap_aligned_alloc(&small, 8, 10) == Fresh::memory);
  CHECK(is_told("aligned_alloc"));
  CHECK(sys_heap_realloc(&small, Fresh::memory, 20) == Fresh::memory);
  CHECK(is_told("aligned_realloc"));
  sys_heap_free(&small, Fresh::memory);
  CHECK(is_told("free"));
  sys_heap_usable_size(&small, Fresh::memory);
  CHECK(is_told("usable_size"));
  sys_heap_validate(&small);
  CHECK(is_told("validate"));
  sys_heap_print_info(&small, false);
  CHECK(is_told("print_info"));
#ifdef CONFIG_SYS_HEAP_RUNTIME_STATS
  sys_memory_stats stats;
  sys_heap_runtime_stats_get(&small, &stats);
  CHECK(is_told("runtime_stats_get"));
  sys_heap_runtime_stats_reset_max(&small);
  CHECK(is_told("runtime_stats_reset_max"));
#endif
}

#ifdef CONFIG_SYS_HEAP_RUNTIME_STATS
TEST_CASE("statistics are of what is free, used, and was used at most") {
  Fresh f;
  sys_memory_stats s;
  CHECK(sys_heap_runtime_stats_get(nullptr, &s) == -EINVAL);
  CHECK(sys_heap_runtime_stats_get(&f.heap, nullptr) == -EINVAL);
  CHECK(sys_heap_runtime_stats_reset_max(nullptr) == -EINVAL);
  CHECK(sys_heap_runtime_stats_get(&f.heap, &s) == 0);
  CHECK(s.allocated_bytes == 0);
  CHECK(s.max_allocated_bytes == 0);
  CHECK(s.free_bytes > f.bytes - f.bytes / 20 - 700);
  const size_t all = s.free_bytes;
  void* const p = sys_heap_alloc(&f.heap, 1'000);
  void* const q = sys_heap_alloc(&f.heap, 2'000);
  sys_heap_free(&f.heap, q);
  sys_heap_runtime_stats_get(&f.heap, &s);
  CHECK(s.free_bytes == all - s.allocated_bytes);
  CHECK(s.allocated_bytes >= 1'000);
  CHECK(s.allocated_bytes < 1'040);
  CHECK(s.max_allocated_bytes >= 3'000);
  CHECK(s.max_allocated_bytes < 3'080);
  CHECK(sys_heap_runtime_stats_reset_max(&f.heap) == 0);
  sys_heap_runtime_stats_get(&f.heap, &s);
  CHECK(s.max_allocated_bytes == s.allocated_bytes);
  sys_heap_free(&f.heap, p);
}
#endif

TEST_CASE("a listener is told of what it may use") {
  Fresh f;
  void* const p = sys_heap_alloc(&f.heap, 100);
  if (!listens) {
    CHECK(notes == 0);
    return;
  }
  const auto id = reinterpret_cast<uintptr_t>(&f.heap);
  CHECK(allocated.heap == id);
  CHECK(allocated.memory == p);
  CHECK(allocated.bytes == sys_heap_usable_size(&f.heap, p));
  CHECK(sys_heap_realloc(&f.heap, p, 500) == p);
  CHECK(notes == 3);
  CHECK(freed.bytes < 160);
  CHECK(allocated.bytes >= 500);
  CHECK(sys_heap_realloc(&f.heap, p, 500) == p);
  CHECK(notes == 3);
  sys_heap_free(&f.heap, p);
  CHECK(notes == 4);
  CHECK(freed.heap == id);
  CHECK(freed.memory == p);
  CHECK(freed.bytes >= 500);
  CHECK(sys_heap_aligned_alloc(&f.heap, 64 | sizeof(void*), 100) == allocated.memory);
  CHECK(sys_heap_alloc(&f.heap, f.bytes) == nullptr);
  CHECK(notes == 5);
}

TEST_CASE("a heap is saved in Zephyr's array, and says what is in it") {
  Fresh f;
  CHECK(saved == (IS_ENABLED(CONFIG_SYS_HEAP_ARRAY_SIZE) ? &f.heap : nullptr));
  void* const p = sys_heap_alloc(&f.heap, 100);
  sys_heap_print_info(&f.heap, false);
  CHECK(strstr(said, "in 1 blocks") != nullptr);
  sys_heap_print_info(&f.heap, true);
  char address[20];
  snprintf(address, sizeof address, "%p:", p);
  CHECK(strstr(said, address) == said);
  sys_heap_free(&f.heap, p);
  CHECK(sys_heap_noalign_alloc(&f.heap, 64, 10) != nullptr);
}

TEST_CASE("what is overwritten is not valid") {
  Fresh f;
  void* const p = sys_heap_alloc(&f.heap, 64);
  void* const behind = sys_heap_alloc(&f.heap, 64);
  sys_heap_free(&f.heap, p);
  CHECK(sys_heap_validate(&f.heap));
  memcpy(p, &p, sizeof p);
  CHECK(!sys_heap_validate(&f.heap));
  static_cast<void>(behind);
}
