// SPDX-License-Identifier: MIT OR Apache-2.0
// Looks at a heap from outside: statistics, a walk over all live blocks, and a check of every
// invariant. For tests, tools and post-mortems; holds the heap's lock meanwhile.
#pragma once

#include "rsb/heap.hpp"
#include "rsb/internal/blocks/description.hpp"
#include "rsb/internal/full/guarded_inspector.hpp"

namespace rsb {

using Stats = rsb_stats;
using BinStats = rsb_bin_stats;

struct RegionStats {
  size_t live_blocks = 0;
  size_t used_bytes = 0;  // of spans, large blocks and page runs
  size_t free_bytes = 0;
  size_t longest_run_bytes = 0;  // of free pages
};

// What the pages of a run are used for.
enum class Use : uint8_t {
  free,     // nothing
  slots,    // a span of some bin
  large,    // one block of whole pages
  pages,    // one run of the page-only allocator
  reserve,  // kept for allocate_nowait()
};

struct Run {
  const void* base;  // a multiple of the page size
  size_t bytes;      // whole pages
  Use use;
  size_t bin;   // Use::slots: which one, as for bin_stats(); else 0
  size_t live;  // blocks handed out: of a span's slots, or 1 of a large block's; 0 in caches
};

template <HeapConfig Config>
class HeapInspector {
  using TheHeap = Heap<Config>;
  using Classes = typename TheHeap::Classes;
  using LockGuard = typename TheHeap::LockGuard;
  using Runs = PageRuns<Config::options>;

  static constexpr Options options = Config::options;
  static constexpr size_t page = options.page_size;

 public:
  static constexpr size_t bins = Classes::count;

  explicit HeapInspector(TheHeap& the_heap) noexcept : heap_(the_heap) {}

  [[gnu::cold]] Stats stats() noexcept {
    return stats([](Stats&) {});
  }
  // also(Stats&): what there is to say besides, at the same moment. It must not call the heap.
  template <class Also>
  [[gnu::cold]] Stats stats(Also also) noexcept {
    LockGuard guard(heap_.pages_.lock_);
    const Runs& runs = heap_.pages_.runs_;
    Stats s{};
    for_each_run([&](const Span* the_run) {
      if (the_run->is_span()) {
        s.live_blocks += the_run->live();
        s.live_bytes += the_run->live() * the_run->slot_bytes();
        if (the_run->kind == Kind::owned) {
          const size_t free_slots = the_run->slots.fresh / the_run->slot_units - the_run->live();
          s.cached_blocks += free_slots;
          s.cached_bytes += free_slots * the_run->slot_bytes();
        }
        if (the_run->has_slot() && !Runs::is_leaving(the_run)) {
          s.largest_block_bytes = larger(s.largest_block_bytes, the_run->slot_bytes());
        }
      } else if (the_run->kind == Kind::large) {
        const bool is_cached = TheHeap::is_cached(the_run);
        (is_cached ? s.cached_blocks : s.large_blocks)++;
        (is_cached ? s.cached_bytes : s.large_bytes) += the_run->pages * page;
      }
      return true;
    });
    s.live_blocks += s.large_blocks;
    s.live_bytes += s.large_bytes;
    s.longest_run_bytes = runs.most_pages() * page;
    // Requests above the largest bin take whole pages, all others a span or a slot of one.
    constexpr size_t least = smaller(options.span_size, Classes::largest + 1);
    if (s.longest_run_bytes >= least) {
      s.largest_block_bytes = s.longest_run_bytes;
    }
    s.used_bytes = runs.used_pages() * page;
    s.peak_used_bytes = heap_.pages_.peak_used_pages() * page;
    s.acquired_bytes = runs.acquired_pages() * page;
    s.free_bytes = s.acquired_bytes - s.used_bytes;
    s.kept_bytes = runs.dirty_pages() * page;
    s.peak_acquired_bytes = runs.peak_acquired_pages() * page;
    s.metadata_bytes = heap_.pages_.metadata_bytes_;
    s.acquisitions = heap_.pages_.acquisitions_;
    s.releases = heap_.pages_.releases_;
    s.failures = heap_.pages_.failures_;
    s.deferred_blocks = heap_.pages_.map().deferred().count();
    s.reserved_pages = heap_.pages_.reserved_pages();
    s.bins = bins;
    also(s);
    return s;
  }

  // What is in a region, given as to add_region(); all zero if there is no such region that can be
  // taken out. Linear in its runs, and walk() tells which blocks they are.
  [[gnu::cold]] RegionStats region_stats(void* base, size_t bytes) noexcept {
    LockGuard guard(heap_.pages_.lock_);
    const Runs& runs = heap_.pages_.runs_;
    RegionStats s{};
    for (const Span* run = heap_.pages_.region_at(base, bytes); run != nullptr;
         run = runs.next_run(run)) {
      const size_t length = runs.length(run) * page;
      if (run->is_span()) s.live_blocks += run->live();
      s.live_blocks += is_live_large(run);
      if (run->kind == Kind::free) {
        s.free_bytes += length;
        s.longest_run_bytes = larger(s.longest_run_bytes, length);
      } else {
        s.used_bytes += length;
      }
    }
    return s;
  }

  // What the address points into, see rsb_describe(). Constant time for slots, else linear in the
  // number of runs.
  [[gnu::cold]] Description describe(const void* address) noexcept {
    return description_of(heap_.place_of(address), address);
  }

  // `bin` must be below Stats::bins.
  [[gnu::cold]] BinStats bin_stats(size_t bin) noexcept {
    return bin_stats(bin, [](BinStats&) {});
  }
  template <class Also>
  [[gnu::cold]] BinStats bin_stats(size_t bin, Also also) noexcept {
    LockGuard guard(heap_.pages_.lock_);
    const SlotLayout& layout = Classes::layout(static_cast<SizeClass>(bin));
    BinStats s{};
    s.slot_bytes = layout.size;
    for_each_run([&](const Span* the_run) {
      if (the_run->is_span() && the_run->size_class == bin) {
        s.spans++;
        s.slots += layout.count();
        s.live += the_run->live();
      }
      return true;
    });
    also(s);
    return s;
  }

  // Calls visit(void* block, size_t usable_bytes) for every live block until it returns false;
  // returns false in that case. The visitor must not call the heap. What deallocate_nowait() was
  // given is taken over first; a block that it is given meanwhile may still be visited.
  template <class Visitor>
  [[gnu::cold]] bool walk(Visitor&& visit) noexcept {
    LockGuard guard(heap_.pages_.lock_);
    heap_.take_over_all(guard);
    return for_each_run([&](const Span* the_run) {
      if (is_live_large(the_run)) {
        return visit(static_cast<void*>(the_run->base), the_run->pages * page);
      }
      return !the_run->is_span() || walk_span(the_run, visit);
    });
  }

  // Calls visit(const Run&) for every run of pages until it returns false; returns false in that
  // case. Acquisitions come in no particular order, the runs of each by ascending address and
  // without a gap. The visitor must not call the heap. Linear in the number of runs.
  template <class Visitor>
  [[gnu::cold]] bool walk_runs(Visitor&& visit) noexcept {
    LockGuard guard(heap_.pages_.lock_);
    return for_each_run([&](const Span* the_run) {
      const bool is_span = the_run->is_span();
      const Use use = use_of(the_run);
      const size_t live_here = is_span ? the_run->live() : is_live_large(the_run);
      const size_t its_bin = is_span ? the_run->size_class : 0;
      return visit(Run{the_run->base, Runs::length(the_run) * page, use, its_bin, live_here});
    });
  }

  // Null if every invariant holds; else a sentence that names one that does not. Takes over first
  // what deallocate_nowait() was given.
  [[gnu::cold]] const char* check() noexcept {
    LockGuard guard(heap_.pages_.lock_);
    heap_.take_over_all(guard);
    fault_ = nullptr;
    Totals seen;
    const Span* previous = nullptr;
    for_each_run([&](const Span* the_run) { return check_run(the_run, previous, seen); });
    if (fault_ == nullptr) check_bins(seen);
    const Runs& runs = heap_.pages_.runs_;
    require(seen.acquired == runs.acquired_pages(), "acquired pages are counted");
    require(seen.used == runs.used_pages(), "used pages are counted");
    require(seen.dirty == runs.dirty_pages(), "dirty free pages are counted");
    require(seen.reserved == heap_.pages_.reserved_pages(), "there is one reserve at most");
    return fault_;
  }

 private:
  // Until f returns false; returns false in that case.
  template <class F>
  bool for_each_run(F&& f) noexcept {
    const Runs& runs = heap_.pages_.runs_;
    for (const Span* a = runs.acquisitions(); a != nullptr; a = a->next_acquisition) {
      for (const Span* run = a; run != nullptr; run = runs.next_run(run)) {
        if (!f(run)) return false;
      }
    }
    return true;
  }

  static bool is_live_large(const Span* run) noexcept {
    return TheHeap::is_live_large(run, run->base);
  }

  static Use use_of(const Span* run) noexcept {
    switch (run->kind) {
      case Kind::free:
        return Use::free;
      case Kind::reserve:
        return Use::reserve;
      case Kind::large:
        return Use::large;
      case Kind::pages:
        return Use::pages;
      default:
        return Use::slots;
    }
  }

  // One bit per possible slot start.
  struct FreeSlots {
    static constexpr size_t most = options.span_size / 4;
    uint32_t bits[(most + 31) / 32] = {};

    bool contains(SlotOffset at) const { return (bits[at / 32] >> (at % 32) & 1) != 0; }
    void insert(SlotOffset at) { bits[at / 32] |= uint32_t{1} << (at % 32); }
  };

  template <class Visitor>
  [[gnu::cold]] static bool walk_span(const Span* span, Visitor& visit) noexcept {
    FreeSlots free;
    collect_free(span, free);
    for (unsigned at = 0; at < span->slots.fresh; at += span->slot_units) {
      const SlotOffset slot = static_cast<SlotOffset>(at);
      if (!free.contains(slot) &&
          !visit(static_cast<void*>(span->slot(slot)), span->slot_bytes())) {
        return false;
      }
    }
    return true;
  }

  // Whether it is a cache's that could not be seized: its owner may be at work on it, or was when
  // the process forked. All of its slots count as live.
  static bool is_unseized(const Span* span) noexcept {
    return span->kind == Kind::owned && !span->is_owned_by(0);
  }

  // The number of free slots; SIZE_MAX if a list is broken.
  static size_t collect_free(const Span* span, FreeSlots& free) noexcept {
    if (is_unseized(span)) return 0;
    const size_t count = collect_free_from(span, span->slots.first_free, free);
    if (count == SIZE_MAX || span->kind != Kind::owned) return count;
    const size_t returned = collect_free_from(span, span->returned.first, free);
    return returned == span->returned.count ? count + returned : SIZE_MAX;
  }

  static size_t collect_free_from(const Span* span, SlotOffset first, FreeSlots& free) noexcept {
    size_t count = 0;
    for (SlotOffset at = first; at < span->end; at = span->next_free(at)) {
      if (at >= span->slots.fresh || at % span->slot_units != 0 || free.contains(at))
        return SIZE_MAX;
      if (TheHeap::checked && !span->has_right_link(at)) return SIZE_MAX;
      free.insert(at);
      count++;
    }
    return count;
  }

  struct Totals {
    size_t acquired = 0;
    size_t used = 0;
    size_t dirty = 0;
    size_t reserved = 0;
    size_t spans_with_slots[Classes::count] = {};
  };

  bool require(bool holds, const char* sentence) noexcept {
    if (!holds && fault_ == nullptr) fault_ = sentence;
    return holds;
  }

  bool require_none(const char* broken) noexcept { return require(broken == nullptr, broken); }

  [[gnu::cold]] bool check_run(const Span* run, const Span*& previous, Totals& seen) noexcept {
    const Runs& runs = heap_.pages_.runs_;
    const size_t length = runs.length(run);
    if (!require(length != 0, "no run is empty")) return false;
    if (!require_none(run->is_span() ? nullptr : runs.broken_extent(run))) return false;
    if (!require_none(heap_.broken_invariant(run))) return false;
    seen.acquired += length;
    if (run->border & border_begin) previous = nullptr;
    switch (run->kind) {
      case Kind::free:
        require(previous == nullptr || previous->kind != Kind::free, "free neighbours are merged");
        require_none(runs.broken_free(run));
        require(runs.is_listed(run) != Runs::is_leaving(run),
                "a free run is in the list of its length, unless its region is being taken out");
        seen.dirty += run->dirty;
        break;
      case Kind::current:
      case Kind::owned:
      case Kind::span:
      case Kind::full:
        seen.used += length;
        check_span(run, seen);
        break;
      case Kind::reserve:
        seen.reserved += length;
        [[fallthrough]];
      case Kind::pages:
      case Kind::large:
        seen.used += length;
        break;
      default:
        require(false, "a run begins with a descriptor of its kind");
    }
    for (size_t i = 1; i + 1 < length && fault_ == nullptr; i++) {
      const Kind expected = run->is_span() ? Kind::tail : Kind::none;
      require(runs.map().find(run->base + i * page)->kind == expected,
              "pages inside a run are marked so");
    }
    previous = run;
    return fault_ == nullptr;
  }

  [[gnu::cold]] void check_span(const Span* span, Totals& seen) noexcept {
    if (is_unseized(span)) return;
    FreeSlots free;
    const size_t free_slots = collect_free(span, free);
    if (!require(free_slots != SIZE_MAX, "a span's free list leads from slot to free slot")) return;
    require(span->live() + free_slots == span->slots.fresh / span->slot_units,
            "used slots are counted");
    if (span->kind == Kind::owned)
      require_none(SpanInvariants<Classes>::broken_counts(*span, Kind::owned));
    if (span->kind == Kind::span) seen.spans_with_slots[span->size_class]++;
  }

  [[gnu::cold]] void check_bins(const Totals& seen) noexcept {
    for (SizeClass c = 0; c < Classes::count; c++) {
      size_t listed = 0;
      const Span* previous = nullptr;
      for (const Span* s = heap_.bins_.first(c); s != nullptr; s = s->next) {
        if (!require(s->previous == previous && s->kind == Kind::span && s->size_class == c,
                     "a bin's list holds its spans with slots")) {
          return;
        }
        previous = s;
        if (!require(++listed <= seen.spans_with_slots[c], "a bin lists each span once")) return;
      }
      require(listed == seen.spans_with_slots[c], "every span with slots is in its bin's list");
    }
  }

  TheHeap& heap_;
  const char* fault_ = nullptr;
};

// With Checks::full.
template <HeapConfig Config>
requires FullyChecked<Config>
class HeapInspector<Config>
    : public GuardedInspector<Heap<Config>, HeapInspector<UnderGuards<Config>>> {
 public:
  using GuardedInspector<Heap<Config>, HeapInspector<UnderGuards<Config>>>::GuardedInspector;
};

template <HeapConfig Config>
HeapInspector<Config> inspect(Heap<Config>& heap) noexcept {
  return HeapInspector<Config>(heap);
}

}  // namespace rsb
