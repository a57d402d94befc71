// SPDX-License-Identifier: MIT OR Apache-2.0
// A small buddy allocator in the place of a kernel's, which trusts nobody: it knows of each page
// which block it is of, and says so when something comes back that it has not handed out.
//
// Knuth, "The Art of Computer Programming", volume 1, section 2.5. Here free blocks are found by
// looking through all pages, which is slow, and easy to believe.
#pragma once

#include <stddef.h>

namespace support {

// Blocks of 2^order pages, order <= max_order.
template <size_t page, unsigned max_order, size_t most_pages>
class Buddy {
 public:
  constexpr Buddy() noexcept = default;

  // Where memory begins: a multiple of the largest block.
  void begin_at(void* memory) noexcept { begin_ = static_cast<char*>(memory); }

  // Gives it whole pages, at any time.
  void add(void* base, size_t bytes) noexcept {
    for (size_t i = 0; i < bytes / page; i++) {
      const size_t at = index(static_cast<char*>(base) + i * page);
      const bool is_new = at < most_pages && blocks_[at].state == State::nobodys;
      if (!expect(is_new, "add() of pages that it has, or of none of its memory")) return;
      blocks_[at].state = State::inside;
      merge(at, 0);
      pages_++;
    }
  }

  void* alloc_pages(unsigned order) noexcept {
    expect(order <= max_order, "alloc_pages() of more than the largest block");
    for (unsigned found = order; found <= max_order; found++) {
      for (size_t at = 0; at < most_pages; at += size_t{1} << found) {
        if (blocks_[at].state != State::free || blocks_[at].order != found) continue;
        while (found > order) {
          found--;
          blocks_[at + (size_t{1} << found)] = {State::free, found, 0};
        }
        blocks_[at].state = State::inside;
        serial_++;
        for (size_t i = 0; i < size_t{1} << order; i++) {
          blocks_[at + i] = {State::taken, 0, serial_};
        }
        taken_ += size_t{1} << order;
        return begin_ + at * page;
      }
    }
    return nullptr;
  }

  void free_pages(void* block, unsigned order) noexcept {
    const size_t at = index(block);
    const size_t count = size_t{1} << order;
    const bool inside = order <= max_order && at < most_pages && count <= most_pages - at;
    if (!expect(inside, "free_pages() of what is not the buddy's")) return;
    const bool aligned = begin_ + at * page == block && at % count == 0;
    if (!expect(aligned, "free_pages() of a block that is not aligned to its size")) return;
    for (size_t i = at; i < at + count; i++) {
      if (!expect(blocks_[i].state == State::taken, "free_pages() of free pages")) return;
      if (!expect(blocks_[i].owner == blocks_[at].owner, "free_pages() across blocks")) return;
    }
    for (size_t i = at; i < at + count; i++) blocks_[i] = {State::inside, 0, 0};
    taken_ -= count;
    __builtin_memset(block, 0xdd, count * page);  // nobody may rely on it any more
    merge(at, order);
  }

  size_t taken_pages() const noexcept { return taken_; }
  size_t free_pages() const noexcept { return pages_ - taken_; }

  // Whether all that it was given is free, in blocks that have no free buddy.
  bool is_whole() const noexcept {
    size_t pages = 0;
    for (size_t at = 0; at < most_pages; at++) {
      const Block& b = blocks_[at];
      if (b.state != State::free) continue;
      pages += size_t{1} << b.order;
      const size_t buddy = at ^ size_t { 1 } << b.order;
      if (b.order == max_order || buddy >= most_pages) continue;
      if (blocks_[buddy].state == State::free && blocks_[buddy].order == b.order) return false;
    }
    return pages == pages_ && taken_ == 0;
  }

  // Null, or a sentence about the first call that was wrong; such a call does nothing.
  const char* complaint() const noexcept { return complaint_; }

 private:
  enum class State : unsigned char { nobodys, free, inside, taken };
  struct Block {
    State state = State::nobodys;
    unsigned order = 0;  // of a free block, at its first page
    size_t owner = 0;    // of a taken page: which alloc_pages() it was
  };

  bool expect(bool holds, const char* sentence) noexcept {
    if (!holds && complaint_ == nullptr) complaint_ = sentence;
    return holds;
  }

  size_t index(const void* p) const noexcept {
    return static_cast<size_t>(static_cast<const char*>(p) - begin_) / page;
  }

  void merge(size_t at, unsigned order) noexcept {
    while (order < max_order) {
      const size_t buddy = at ^ size_t { 1 } << order;
      if (buddy >= most_pages) break;
      if (blocks_[buddy].state != State::free || blocks_[buddy].order != order) break;
      blocks_[buddy].state = State::inside;
      at &= ~(size_t{1} << order);
      order++;
    }
    blocks_[at] = {State::free, order, 0};
  }

  char* begin_ = nullptr;
  Block blocks_[most_pages] = {};
  size_t pages_ = 0;
  size_t taken_ = 0;
  size_t serial_ = 0;
  const char* complaint_ = nullptr;
};

}  // namespace support
