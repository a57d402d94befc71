// SPDX-License-Identifier: MIT OR Apache-2.0
// Pages from a buddy allocator, as kernels have one.
//
//   struct KernelBuddy {                                  // satisfies rsb::Buddy
//     static constexpr size_t page_size = 4 * rsb::KiB;
//     static constexpr unsigned max_order = 10;           // blocks up to 4 MiB
//     void* alloc_pages(unsigned order) noexcept;         // null: there is none
//     void free_pages(void* block, unsigned order) noexcept;
//   };
//   using Pages = rsb::BuddyPages<KernelBuddy>;           // in a heap's configuration
//
// What is not a power of two pages wastes nothing: the pages behind it go back at once, as smaller
// blocks. What exceeds the largest block is null.
//
// Cost: one call of alloc_pages() an acquisition, and at most one of free_pages() for each order,
// either when it is acquired or when it is released.
#pragma once

#include "rsb/page_source.hpp"

namespace rsb {

// alloc_pages(order): 2^order pages, aligned to their size; or null. The order is at most
// max_order.
//   Nobody else's, readable and writable; not necessarily zero. Null means that there are none:
//   where memory begins at address 0, as in a direct map that is the identity, the page there is
//   never handed out.
// free_pages(block, order): takes back 2^order pages, aligned to their size, that are all or *a
//   part* of what one alloc_pages() returned. A buddy that remembers the order of each block is
//   told so first: by its own means to split one, in a class around it.
// Any thread may call both, at the same time as others, and never with the heap's lock held.
template <class B>
concept Buddy = requires(B buddy, void* block, unsigned order) {
  { buddy.alloc_pages(order) }
  noexcept->SameAs<void*>;
  { buddy.free_pages(block, order) }
  noexcept->SameAs<void>;
  requires SameAs<decltype(B::page_size), const size_t>;
  requires SameAs<decltype(B::max_order), const unsigned>;
};

// Satisfies rsb::PageSource, TrustedSource, BoundedSource and SourceKnowsPage.
template <Buddy B>
class BuddyPages {
 public:
  static constexpr size_t page = B::page_size;
  static_assert(is_power_of_two(page), "Buddy::page_size must be a power of two");

  static constexpr size_t most_bytes = page << B::max_order;

  // Acquired memory is not compared with what was acquired before: two owners of one page would be
  // the end of the kernel anyway.
  static constexpr bool trusted = true;

  // Whole pages of the heap must be whole pages of the buddy.
  static bool accepts_page(size_t bytes) noexcept { return bytes >= page; }

  void* acquire(size_t bytes, size_t alignment) noexcept {
    const unsigned order = order_of(larger(bytes, alignment));
    if (order > B::max_order) return nullptr;
    char* const block = static_cast<char*>(buddy_.alloc_pages(order));
    if (block == nullptr) return nullptr;
    // The rest, from its front: a block ends where a larger one may begin.
    size_t kept = bytes / page;
    while (kept != size_t{1} << order) {
      const unsigned part = lowest_bit(kept);
      buddy_.free_pages(block + kept * page, part);
      kept += size_t{1} << part;
    }
    return block;
  }

  bool release(void* base, size_t bytes) noexcept {
    const size_t pages = bytes / page;
    for (size_t done = 0; done != pages;) {
      const unsigned part = floor_log2(pages - done);
      buddy_.free_pages(static_cast<char*>(base) + done * page, part);
      done += size_t{1} << part;
    }
    return true;
  }

  B& buddy() noexcept { return buddy_; }

 private:
  // The least order of blocks that have as many bytes.
  static constexpr unsigned order_of(size_t bytes) noexcept {
    return bytes <= page ? 0 : floor_log2((bytes - 1) / page) + 1;
  }

  [[no_unique_address]] B buddy_;
};

}  // namespace rsb
