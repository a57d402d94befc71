// SPDX-License-Identifier: MIT OR Apache-2.0
// As if a block cost what was asked for and nothing else, wherever it lies: memory is there far
// beyond the pool, and the pool's size only limits the live bytes.
#include "rsb/small_heap.hpp"

#include "reallocate.h"

namespace {

struct Config {
  using Lock = rsb::NoLock;
  static constexpr rsb::SmallOptions options{.checks = rsb::Checks::off, .words = true};
};

// Before each block.
struct alignas(8) Header {
  size_t bytes;
};

constinit rsb::SmallHeap<Config> heap;
constinit size_t live = 0;
constinit size_t most = 0;
alignas(8) constinit char memory[4u << 20] = {};

}  // namespace

void pool_init(void*, size_t bytes) {
  heap.add_region(memory, sizeof memory);
  most = bytes;
}

void* pool_allocate(size_t bytes) {
  if (bytes > most - live) return nullptr;
  auto* const header = static_cast<Header*>(heap.allocate(sizeof(Header) + bytes));
  if (header == nullptr) __builtin_trap();  // not of the pool's size
  live += bytes;
  header->bytes = bytes;
  return header + 1;
}

void pool_release(void* block, size_t) {
  if (block == nullptr) return;
  Header* const header = static_cast<Header*>(block) - 1;
  live -= header->bytes;
  heap.deallocate(header);
}

// In place: what moves is live twice while it is copied, but not with an ideal heap.
void* pool_reallocate(void* block, size_t bytes) {
  Header* header = static_cast<Header*>(block) - 1;
  const size_t others = live - header->bytes;
  if (bytes > most - others) return nullptr;
  header = static_cast<Header*>(heap.reallocate(header, sizeof(Header) + bytes));
  if (header == nullptr) __builtin_trap();
  live = others + bytes;
  header->bytes = bytes;
  return header + 1;
}

size_t pool_metadata(size_t) {
  return 0;
}
