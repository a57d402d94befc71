// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Buddy
// Fails with: max_order
#include "config.hpp"
#include "rsb/buddy_pages.hpp"

struct Kernel {
  static constexpr size_t page_size = 4096;
#ifdef BROKEN
  static inline unsigned max_order = 10;
#else
  static constexpr unsigned max_order = 10;
#endif
  void* alloc_pages(unsigned) noexcept {
    return nullptr;
  }
  void free_pages(void*, unsigned) noexcept {}
};

constinit rsb::Heap<Config<rsb::Options{}, rsb::BuddyPages<Kernel>>> heap;
