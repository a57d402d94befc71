// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Buddy
// Fails with: buddy.free_pages(block, order)
#include "config.hpp"
#include "rsb/buddy_pages.hpp"

struct Kernel {
  static constexpr size_t page_size = 4096;
  static constexpr unsigned max_order = 10;
  void* alloc_pages(unsigned) noexcept { return nullptr; }
#ifndef BROKEN
  void free_pages(void*, unsigned) noexcept {}
#endif
};

constinit rsb::Heap<Config<rsb::Options{}, rsb::BuddyPages<Kernel>>> heap;
