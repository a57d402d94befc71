// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Buddy
// Fails with: buddy.alloc_pages(order)
#include "config.hpp"
#include "rsb/buddy_pages.hpp"

struct Kernel {
  static constexpr size_t page_size = 4096;
  static constexpr unsigned max_order = 10;
#ifndef BROKEN
  void* alloc_pages(unsigned) noexcept {
    return nullptr;
  }
#endif
  void free_pages(void*, unsigned) noexcept {}
};

constinit rsb::Heap<Config<rsb::Options{}, rsb::BuddyPages<Kernel>>> heap;
