// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: Options::span_size is more than the page source ever gives (its most_bytes)
#include "config.hpp"
#include "rsb/buddy_pages.hpp"

struct Buddy {
  static constexpr size_t page_size = 4 * rsb::KiB;
#ifdef BROKEN
  static constexpr unsigned max_order = 1;
#else
  static constexpr unsigned max_order = 2;
#endif
  void* alloc_pages(unsigned) noexcept {
    return nullptr;
  }
  void free_pages(void*, unsigned) noexcept {}
};

constexpr rsb::Options options{
    .page_size = 4 * rsb::KiB, .span_size = 16 * rsb::KiB, .map = rsb::Map::flat};

constinit rsb::Heap<Config<options, rsb::BootThen<rsb::BuddyPages<Buddy>>>> heap;
