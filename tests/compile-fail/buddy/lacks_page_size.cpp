// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Buddy
// Fails with: page_size
#include "config.hpp"
#include "rsb/buddy_pages.hpp"

struct Kernel {
#ifndef BROKEN
  static constexpr size_t page_size = 4096;
#endif
  static constexpr unsigned max_order = 10;
  void* alloc_pages(unsigned) noexcept {
    return nullptr;
  }
  void free_pages(void*, unsigned) noexcept {}
};

constinit rsb::Heap<Config<rsb::Options{}, rsb::BuddyPages<Kernel>>> heap;
