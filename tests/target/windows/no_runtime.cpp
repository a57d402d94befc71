// SPDX-License-Identifier: MIT OR Apache-2.0
// A program with no C runtime and no C++ library at all: all kinds of requests, from four threads.
#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include "../nostdlib/runtime.hpp"
#include "../nostdlib/tree.hpp"
#include "rsb/allocator.hpp"
#include "rsb/rsb.h"

namespace {

constexpr DWORD threads = 4;
constexpr uint32_t rounds = 20'000;

struct Block {
  size_t size;
  unsigned char byte;

  unsigned char* contents() { return reinterpret_cast<unsigned char*>(this + 1); }
  bool is_intact() {
    for (size_t i = 0; i < size - sizeof *this; i++) {
      if (contents()[i] != byte) return false;
    }
    return true;
  }
};
Block* exchange[64];

Block* make(size_t size, unsigned char byte) {
  Block* const block = static_cast<Block*>(rsb_malloc(size));
  REQUIRE(block != nullptr);
  *block = {size, byte};
  __builtin_memset(block->contents(), byte, size - sizeof *block);
  return block;
}

void release(Block* block) {
  if (block == nullptr) return;
  REQUIRE(block->is_intact());
  rsb_free(block);
}

DWORD WINAPI work(void* seed) {
  uint32_t state = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(seed));
  for (uint32_t i = 0; i < rounds; i++) {
    state = state * 1664525u + 1013904223u;
    const size_t size = sizeof(Block) + (state >> 20) % ((state >> 10) % 100 == 0 ? 40'000 : 300);
    Block* block = make(size, static_cast<unsigned char>(state >> 24));
    if ((state >> 9) % 8 == 0) {
      block = static_cast<Block*>(rsb_realloc(block, size * 2));
      REQUIRE(block != nullptr && block->is_intact());
    }
    release(__atomic_exchange_n(&exchange[(state >> 14) % 64], block, __ATOMIC_ACQ_REL));
  }
  return 0;
}

void many_threads() {
  HANDLE handles[threads];
  for (DWORD i = 0; i < threads; i++) {
    handles[i] =
        CreateThread(nullptr, 0, work, reinterpret_cast<void*>(uintptr_t{i} + 1), 0, nullptr);
    REQUIRE(handles[i] != nullptr);
  }
  while (WaitForMultipleObjects(threads, handles, TRUE, 20) == WAIT_TIMEOUT) {
    REQUIRE(rsb_check() == nullptr);
  }
  for (Block*& block : exchange) release(block);
}

void new_and_delete() {
  unsigned key = 1;
  Node* const tree = new Node(0x80000000u);
  for (int i = 0; i < 5'000; i++) tree->insert(key = key * 1664525u + 1013904223u);
  REQUIRE(tree->count() == 5'001);
  delete tree;
}

void large_and_aligned() {
  for (size_t alignment = 4096; alignment <= 64 << 20; alignment *= 4) {
    char* const block = static_cast<char*>(rsb_aligned_alloc(alignment, 5 << 20));
    REQUIRE(block != nullptr);
    REQUIRE(reinterpret_cast<uintptr_t>(block) % alignment == 0);
    block[0] = block[(5 << 20) - 1] = 1;
    rsb_free(block);
  }
  char* block = nullptr;
  for (size_t size = 3000; size <= 100'000'000; size *= 3) {
    block = static_cast<char*>(rsb_realloc(block, size));
    REQUIRE(block != nullptr);
    REQUIRE(size == 3000 || block[size / 3 - 1] == 7);
    block[size - 1] = 7;
  }
  rsb_free(block);
}

// What fails, and what succeeds by way of something that fails, leaves the last error alone.
void last_error() {
  constexpr DWORD untouched = 4242;
  volatile size_t too_much = size_t{1} << 60;
  SetLastError(untouched);
  REQUIRE(rsb_malloc(too_much) == nullptr);
  REQUIRE(rsb_aligned_alloc(24, 8) == nullptr);
  rsb_free(rsb_aligned_alloc(1 << 30, 20 << 20));
  rsb_trim();
  REQUIRE(GetLastError() == untouched);
}

}  // namespace

int run() {
  new_and_delete();
  large_and_aligned();
  many_threads();
  last_error();
  REQUIRE(rsb_check() == nullptr);
  rsb_trim();
  rsb_stats stats;
  rsb_get_stats(&stats);
  REQUIRE(stats.live_blocks == 0);
  REQUIRE(stats.used_bytes == 0);
  return 0;
}
