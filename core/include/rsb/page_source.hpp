// SPDX-License-Identifier: MIT OR Apache-2.0
// Where pages come from: the one thing that a heap needs of its host.
#pragma once

#include "rsb/internal/machine/bits.hpp"

namespace rsb {

// acquire(bytes, alignment): memory of `bytes` bytes at a multiple of `alignment`, or null when
// there
//   is none. `bytes` is a multiple of the page size, `alignment` a power of two of at least a page.
//   The memory is readable, writable and nobody else's until it is released.
// release(base, bytes): takes back exactly what one acquire returned. False: it could not, and the
//   memory stays the heap's.
// Neither is ever called with the heap's lock held, so both may take locks of their own and wait;
// they may be called by several threads at once. Neither may call the heap it serves.
template <class S>
concept PageSource = requires(S source, void* base, size_t bytes, size_t alignment) {
  { source.acquire(bytes, alignment) }
  noexcept->SameAs<void*>;
  { source.release(base, bytes) }
  noexcept->SameAs<bool>;
};

// Optional: S::zeroed is true when acquired memory reads as zero; calloc then need not write it.
template <class S>
concept ZeroingSource = PageSource<S> && requires {
  requires S::zeroed;
};

// Optional: acquire_sparse(bytes, alignment) is acquire for memory of which most will never be
// touched (the page map's nodes, caches): a source that could hand out more than was touched, as
// huge pages do, does not there.
template <class S>
concept SparseSource = PageSource<S> && requires(S source, size_t bytes, size_t alignment) {
  { source.acquire_sparse(bytes, alignment) }
  noexcept->SameAs<void*>;
};

template <PageSource S>
void* acquire_sparse(S& source, size_t bytes, size_t alignment) noexcept {
  if constexpr (SparseSource<S>) return source.acquire_sparse(bytes, alignment);
  return source.acquire(bytes, alignment);
}

// Optional: S::trusted is true when acquired memory cannot overlap what is acquired already (it
// comes from an operating system); others are checked, in time linear in the number of
// acquisitions.
template <class S>
concept TrustedSource = PageSource<S> && requires {
  requires S::trusted;
};

// Optional: S::most_bytes is the most that one acquire() can ever return; 0: there never is
// anything, and nobody asks. A heap that could not allocate with so little does not compile.
template <class S>
concept BoundedSource = PageSource<S> && requires {
  requires SameAs<decltype(S::most_bytes), const size_t>;
};

// Optional: discard(base, bytes) drops the contents of pages inside an acquisition and keeps the
// addresses; they read as zero from then on. False: nothing happened.
template <class S>
concept DiscardingSource = ZeroingSource<S> && requires(S source, void* base, size_t bytes) {
  { source.discard(base, bytes) }
  noexcept->SameAs<bool>;
};

// Optional: move(from, bytes, to) makes the contents of pages appear at `to`, other pages acquired
// from this source, without copying; `from` reads as zero from then on.
enum class Move : uint8_t {
  done,
  refused,      // nothing happened, but that what `to` held may be gone
  target_lost,  // `from` is as it was, but the pages at `to` may not be the heap's any more: it
                // never touches or releases them again
};
template <class S>
concept MovingSource = ZeroingSource<S> && requires(S source, void* base, size_t bytes) {
  { source.move(base, bytes, base) }
  noexcept->SameAs<Move>;
};

// Optional, for Checks::full: protect(base, bytes) makes pages of an acquisition such that every
// access to them is one to nowhere, and keeps their contents or not; unprotect() undoes it. Either
// may fail, and then nothing has happened. What is protected around the page map's nodes stays so.
template <class S>
concept ProtectingSource = PageSource<S> && requires(S source, void* base, size_t bytes) {
  { source.protect(base, bytes) }
  noexcept->SameAs<bool>;
  { source.unprotect(base, bytes) }
  noexcept->SameAs<bool>;
};

// Optional: has_to_spare(bytes) says whether so much could be acquired besides, and would cost
// nothing but addresses before it is touched. Asked before more is acquired than a request needs.
// Without it, the heap acquires ahead what its options say, and less only when that is refused.
template <class S>
concept SparingSource = PageSource<S> && requires(S source, size_t bytes) {
  { source.has_to_spare(bytes) }
  noexcept->SameAs<bool>;
};

// Optional: accepts_page(bytes) is false when the system's page is larger than the allocator's,
// which would make it discard or release what it must not. Asked before every acquire; a false is a
// fault.
template <class S>
concept SourceKnowsPage = PageSource<S> && requires(S source, size_t bytes) {
  { source.accepts_page(bytes) }
  noexcept->SameAs<bool>;
};

// Optional: memory known by address when the program is built. next_region() returns one region
// after the other, then none: base = null and bytes = 0. Asked under the lock, when the heap has
// nothing free. To a small heap it may be all that the source has.
struct Region {
  void* base = nullptr;
  size_t bytes = 0;

  bool is_none() const noexcept { return base == nullptr && bytes == 0; }
};
template <class S>
concept GivesRegions = requires(S source) {
  { source.next_region() }
  noexcept->SameAs<Region>;
};

// For small heaps: a region that next_region() returned before, by its base, and that is larger now
// (sbrk, memory.grow), is extended; one that is not ends the search. Optional: take_back(end,
// bytes) is given the last bytes of such a region, which are free, and says whether it took them:
// the region is smaller then. Under the lock, by trim().
template <class S>
concept TakesBackEnds = GivesRegions<S> && requires(S source, void* end, size_t bytes) {
  { source.take_back(end, bytes) }
  noexcept->SameAs<bool>;
};

template <class S>
concept RegionSource = PageSource<S> && GivesRegions<S>;

// A source that is not there yet: until start() there is nothing, and the heap lives off the
// regions handed to it. For the time before a system's own page allocator is up. start() may be
// called by any thread, at any time.
template <PageSource Source>
class BootThen : public Source {
 public:
  void start() noexcept { store_release(&is_up_, 1u); }

  void* acquire(size_t bytes, size_t alignment) noexcept {
    if (load_acquire(&is_up_) == 0) return nullptr;
    return Source::acquire(bytes, alignment);
  }

  void* acquire_sparse(size_t bytes, size_t alignment) noexcept {
    if (load_acquire(&is_up_) == 0) return nullptr;
    return rsb::acquire_sparse<Source>(*this, bytes, alignment);
  }

 private:
  unsigned is_up_ = 0;
};

// A source that has nothing: for heaps that live off the regions handed to them by address.
struct NoPages {
  static constexpr size_t most_bytes = 0;

  void* acquire(size_t, size_t) noexcept { return nullptr; }
  bool release(void*, size_t) noexcept { return false; }
};

}  // namespace rsb
