// SPDX-License-Identifier: MIT OR Apache-2.0
#include "floor/free_list.hpp"

#include <array>
#include <cstdlib>

#include "rsb/lock.hpp"
#include "rsb/platform.hpp"

namespace bench {
namespace {

union Block {
  Block* next;
  std::array<std::byte, floor_block_bytes> bytes;
};

class FreeList {
 public:
  void* take() noexcept {
    const rsb::Guard guard(lock_);
    Block* block = first_;
    if (block == nullptr) std::abort();
    first_ = block->next;
    return block;
  }

  void give(void* bytes) noexcept {
    auto* block = static_cast<Block*>(bytes);
    const rsb::Guard guard(lock_);
    block->next = first_;
    first_ = block;
  }

 private:
  rsb::platform::Lock lock_;
  Block* first_ = nullptr;
};

constinit FreeList list;

// More than there are threads: each holds one block at a time.
alignas(64) constinit std::array<Block, 64> blocks{};

[[maybe_unused]] const bool filled = [] {
  for (Block& block : blocks) list.give(&block);
  return true;
}();

}  // namespace

void* floor_malloc(std::size_t /*size*/) noexcept {
  return list.take();
}

void floor_free(void* block) noexcept {
  list.give(block);
}

}  // namespace bench
