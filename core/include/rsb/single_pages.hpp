// SPDX-License-Identifier: MIT OR Apache-2.0
// Pages from an allocator that has single ones, as small kernels do: a list of free pages.
//
//   struct KernelPages {                       // satisfies rsb::SinglePageAllocator
//     static constexpr size_t page_size = 4 * rsb::KiB;
//     void* alloc_page() noexcept;             // null: there is none
//     void free_page(void* page) noexcept;
//   };
//   using Pages = rsb::SinglePages<KernelPages>;  // in a heap's configuration
//
// No block can be larger than a page then, but in regions handed over by address (add_region).
// Pages that happen to lie side by side are not joined: each is an acquisition of its own, and goes
// back on its own. So span_size, acquire_size and acquire_alignment are the page's size, too. For
// runs of pages that lie side by side, what hands them out is a page source already: two functions,
// see page_source.hpp.
//
// Cost: one call of alloc_page() an acquisition, and one of free_page() a release.
#pragma once

#include "rsb/page_source.hpp"

namespace rsb {

// alloc_page(): page_size bytes at a multiple of page_size, nobody else's, readable and writable,
//   not necessarily zero; or null.
// free_page(page): takes back what alloc_page() returned.
// Any thread may call both, at the same time as others, and never with the heap's lock held.
template <class A>
concept SinglePageAllocator = requires(A allocator, void* page) {
  { allocator.alloc_page() }
  noexcept->SameAs<void*>;
  { allocator.free_page(page) }
  noexcept->SameAs<void>;
  requires SameAs<decltype(A::page_size), const size_t>;
};

// Satisfies rsb::PageSource, TrustedSource, BoundedSource and SourceKnowsPage.
template <SinglePageAllocator A>
class SinglePages {
 public:
  static constexpr size_t page = A::page_size;
  static_assert(is_power_of_two(page), "SinglePageAllocator::page_size must be a power of two");

  static constexpr size_t most_bytes = page;

  // See BuddyPages.
  static constexpr bool trusted = true;

  // Whole pages of the heap must be whole pages of the allocator.
  static bool accepts_page(size_t bytes) noexcept { return bytes >= page; }

  void* acquire(size_t bytes, size_t alignment) noexcept {
    return bytes == page && alignment <= page ? allocator_.alloc_page() : nullptr;
  }
  bool release(void* base, size_t) noexcept {
    allocator_.free_page(base);
    return true;
  }

  A& allocator() noexcept { return allocator_; }

 private:
  [[no_unique_address]] A allocator_;
};

}  // namespace rsb
