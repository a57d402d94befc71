// SPDX-License-Identifier: MIT OR Apache-2.0
// A heap beside a model that knows what it must have: the live blocks with their contents, the page
// runs, and the number of failures. Each request is made of both; then they are compared.
//
// Who includes it defines before what states that something holds, HOLDS(condition), and what says
// that something does not, FAILS(sentence).
#pragma once

#include <map>
#include <vector>

#include "property/live_ranges.hpp"
#include "property/requests.hpp"
#include "support/bytes.hpp"
#include "support/faults.hpp"
#include "support/worlds.hpp"

namespace property {

template <class Config>
class HeapModel {
  using World = support::World<Config>;
  using Classes = typename rsb::Heap<Config>::Classes;

  static constexpr rsb::Options options = Config::options;
  static constexpr size_t page = options.page_size;
  static constexpr bool checked = options.checks != rsb::Checks::off;
  static constexpr bool is_full = options.checks == rsb::Checks::full;  // larger than they say
  static constexpr bool is_pool = World::is_pool;

  // A part of the arena is left for regions that are added later.
  static constexpr size_t region_bytes = 16 * rsb::KiB;
  static constexpr size_t regions = 4;
  static constexpr size_t first_bytes =
      is_pool ? 48 * rsb::KiB : support::arena_bytes - regions * region_bytes;

 public:
  // After how many requests the heap is checked.
  explicit HeapModel(unsigned checked_every = 1)
      : world_(first_bytes), checked_every_(checked_every) {}

  void apply(const Request& request) {
    const int fault = support::fault_of([&] { make(request); });
    HOLDS(fault == support::no_fault);
    // To check a heap empties its caches, and takes over what waits to be free: something has to
    // come together there.
    const bool is_disturbed = support::has_caches || world_.stats().deferred_blocks != 0;
    if (steps_ % (is_disturbed ? 8 : checked_every_) == 0) compare();
    compare_statistics();
    if (++steps_ % 8 == 0) compare_contents();
  }

  // Releases everything; then nothing may be left.
  void finish() {
    world_.source().recover();
    compare_contents();
    while (!blocks_.empty()) release(blocks_.size() - 1, Release::plain);
    while (!runs_.empty()) release_run(runs_.size() - 1);
    compare();
    world_.heap.trim();
    compare();
    HOLDS(world_.stats().used_bytes == 0u);
    size_t added = 0;
    for (const Region& region : regions_) added += region.added;
    if (!is_pool) HOLDS(world_.stats().acquired_bytes == added);
    for (Region& region : regions_) remove_region(region);
    compare();
  }

 private:
  struct Block {
    char* base;
    size_t size;
    size_t alignment;  // 0: asked for without
    size_t usable;
    unsigned seed;  // of the pattern that fills it
  };
  struct Run {
    char* base;
    size_t pages;
    unsigned seed;
  };

  auto& heap() { return world_.heap; }

  void make(const Request& r) {
    const size_t alignment = size_t{1} << r.alignment_log;
    switch (r.ask) {
      case Ask::allocate:
        before_call();
        return allocated(heap().allocate(r.size), r.size, 0);
      case Ask::allocate_aligned:
        before_call();
        return allocated(heap().allocate(r.size, alignment), r.size, alignment);
      case Ask::allocate_zeroed:
        before_call();
        return allocated_zeroed(heap().allocate_zeroed(r.size), r.size, 0);
      case Ask::allocate_zeroed_aligned:
        before_call();
        return allocated_zeroed(heap().allocate(r.size, alignment, rsb::Fill::zero), r.size,
                                alignment);
      case Ask::reallocate:
        return reallocate(r, 0);
      case Ask::reallocate_aligned:
        return reallocate(r, alignment);
      case Ask::allocate_nowait:
        return allocate_nowait(r.size, r.which % 2 == 0 ? 0 : alignment);
      case Ask::deallocate:
        if (!blocks_.empty()) release(r.which % blocks_.size(), Release::plain);
        return;
      case Ask::deallocate_sized:
        if (!blocks_.empty()) release(r.which % blocks_.size(), Release::sized);
        return;
      case Ask::deallocate_nowait:
        if (!blocks_.empty()) release(r.which % blocks_.size(), Release::nowait);
        return;
      case Ask::run_allocate:
        return allocate_run(r.size / page + 1, rsb::larger(alignment, 1));
      case Ask::run_resize:
        if (!runs_.empty()) resize_run(runs_[r.which % runs_.size()], r.size / page);
        return;
      case Ask::run_deallocate:
        if (!runs_.empty()) release_run(r.which % runs_.size());
        return;
      case Ask::trim:
        heap().trim();
        return;
      case Ask::add_region:
        return add_region(regions_[r.which % regions], r.size);
      case Ask::remove_region:
        return remove_region(regions_[r.which % regions]);
      case Ask::exhaust:
        return exhaust(r.size);
      case Ask::source_fails:
        if (r.which % 2 == 0) {
          world_.source().fail_once_after(r.which / 2 % 4);
        } else {
          world_.source().fail_always_after(r.which / 2 % 4);
        }
        return;
      case Ask::source_recovers:
        return world_.source().fail_never();
      case Ask::source_refuses:
        world_.source().refuse_next_releases(r.which % 3);
        world_.source().refuse_next_discards(r.which / 3 % 3);
        return world_.source().refuse_next_moves(r.which / 9 % 2);
      case Ask::misuse:
        return misuse(r);
      case Ask::count:
        return;
    }
  }

  // ---- Allocating
  // ---------------------------------------------------------------------------------

  void before_call() { source_failures_ = world_.source().failures(); }

  // Null needs a reason: the source had nothing, or (in a pool) there is no whole span left.
  void explain_null(size_t size, size_t alignment) {
    if constexpr (is_pool && is_full) {
      return;
    } else if constexpr (is_pool) {
      const bool one_page =
          options.span_pages() == 1 && size <= options.span_size && alignment <= page;
      if (one_page) HOLDS(world_.stats().free_bytes == 0u);
    } else {
      HOLDS(world_.source().failures() > source_failures_);
    }
  }

  static size_t malloc_alignment(size_t size) { return size >= 16 ? 16 : sizeof(void*); }

  static size_t expected_usable(size_t size, size_t alignment) {
    if (is_full) return size;
    const rsb::SizeClass c = alignment != 0             ? Classes::of(size, alignment)
                             : size <= Classes::largest ? Classes::of(size)
                                                        : Classes::none;
    if (c != Classes::none) return Classes::layout(c).size;
    return rsb::larger((size + page - 1) / page, 1) * page;
  }

  void allocated(void* base, size_t size, size_t alignment) {
    if (base == nullptr) {
      failures_++;
      return explain_null(size, alignment);
    }
    const size_t usable = heap().usable_size(base);
    HOLDS(usable >= size);
    HOLDS(usable == expected_usable(size, alignment));
    add_block(static_cast<char*>(base), size, alignment, usable);
  }

  void allocated_zeroed(void* base, size_t size, size_t alignment) {
    if (base != nullptr) HOLDS(support::holds_only(base, heap().usable_size(base), 0));
    allocated(base, size, alignment);
  }

  // Null needs no reason, and is no failure; but the source is not asked.
  void allocate_nowait(size_t size, size_t alignment) {
    const size_t calls = world_.source().calls();
    void* const base =
        alignment == 0 ? heap().allocate_nowait(size) : heap().allocate_nowait(size, alignment);
    HOLDS(world_.source().calls() == calls);
    if (base != nullptr) allocated(base, size, alignment);
  }

  void add_block(char* base, size_t size, size_t alignment, size_t usable) {
    HOLDS(rsb::is_aligned(support::opaque(base),
                          alignment != 0 ? alignment : malloc_alignment(size)));
    occupy(base, usable);
    const Block b{base, size, alignment, usable, next_seed_++};
    support::fill_pattern(base, usable, b.seed);
    blocks_.push_back(b);
  }

  void reallocate(const Request& r, size_t alignment) {
    before_call();
    if (blocks_.empty()) {
      void* const fresh = alignment != 0 ? heap().reallocate(nullptr, r.size, alignment)
                                         : heap().reallocate(nullptr, r.size);
      return allocated(fresh, r.size, alignment);
    }
    const size_t i = r.which % blocks_.size();
    const Block old = blocks_[i];
    void* const base = alignment != 0 ? heap().reallocate(old.base, r.size, alignment)
                                      : heap().reallocate(old.base, r.size);
    if (base == nullptr) {
      failures_++;
      HOLDS(support::holds_pattern(old.base, old.size, old.seed));
      return explain_null(r.size, alignment);
    }
    HOLDS(support::holds_pattern(base, rsb::smaller(old.size, r.size), old.seed));
    const size_t usable = heap().usable_size(base);
    if (usable != expected_usable(r.size, alignment)) {
      // Only a block that could not be moved, for want of memory, is larger than it need be.
      HOLDS((base == old.base));
      HOLDS(usable == old.usable);
      HOLDS(r.size <= old.usable);
      explain_null(r.size, alignment);
    }
    if (base == old.base && r.size <= old.usable) kept_in_place_++;
    may_be_in_leaving_ = base == old.base;
    vacate(old.base);
    blocks_.erase(blocks_.begin() + static_cast<ptrdiff_t>(i));
    add_block(static_cast<char*>(base), r.size, alignment, usable);
    may_be_in_leaving_ = false;
  }

  enum class Release { plain, sized, nowait };

  void release(size_t i, Release how) {
    const Block b = blocks_[i];
    HOLDS(support::holds_pattern(b.base, b.usable, b.seed));
    vacate(b.base);
    blocks_.erase(blocks_.begin() + static_cast<ptrdiff_t>(i));
    if (how == Release::plain) {
      heap().deallocate(b.base);
    } else if (how == Release::nowait) {
      heap().deallocate_nowait(b.base);
    } else if (b.alignment != 0) {
      heap().deallocate(b.base, b.size, b.alignment);
    } else {
      heap().deallocate(b.base, b.size);
    }
  }

  void exhaust(size_t size) {
    std::vector<void*> all;
    before_call();
    while (all.size() < 5'000) {
      void* const base = heap().allocate(size);
      if (base == nullptr) {
        failures_++;
        explain_null(size, 0);
        break;
      }
      all.push_back(base);
    }
    for (void* base : all) heap().deallocate(base);
  }

  // ---- Page runs
  // ----------------------------------------------------------------------------------

  void allocate_run(size_t pages, size_t alignment) {
    before_call();
    char* const base = static_cast<char*>(heap().pages().allocate(pages, alignment));
    if (base == nullptr) {
      failures_++;
      // The page allocator alone does not give up the empty spans of bins.
      if (!is_pool) explain_null(pages * page, alignment);
      return;
    }
    HOLDS(rsb::is_aligned(base, rsb::larger(alignment, page)));
    occupy(base, pages * page);
    support::fill_pattern(base, pages * page, next_seed_);
    runs_.push_back({base, pages, next_seed_++});
  }

  void resize_run(Run& run, size_t pages) {
    if (!heap().pages().resize(run.base, pages)) {
      HOLDS((pages == 0 || pages > run.pages));  // a run can always become shorter
      return;
    }
    HOLDS(pages != 0);
    HOLDS(support::holds_pattern(run.base, rsb::smaller(pages, run.pages) * page, run.seed));
    may_be_in_leaving_ = pages <= run.pages;
    vacate(run.base);
    occupy(run.base, pages * page);
    may_be_in_leaving_ = false;
    run.pages = pages;
    support::fill_pattern(run.base, pages * page, run.seed);
  }

  void release_run(size_t i) {
    const Run run = runs_[i];
    HOLDS(support::holds_pattern(run.base, run.pages * page, run.seed));
    vacate(run.base);
    runs_.erase(runs_.begin() + static_cast<ptrdiff_t>(i));
    heap().pages().deallocate(run.base);
  }

  // ---- Regions
  // -----------------------------------------------------------------------------------

  struct Region {
    char* base;
    size_t bytes;
    size_t added;  // what the heap made of them; 0: not the heap's
    bool is_leaving;
  };

  void add_region(Region& region, size_t off) {
    if (region.added == 0) {
      const size_t skip = off % 100;
      region.base = place_of(region) + skip;
      region.bytes = region_bytes - skip;
    } else if (!region.is_leaving) {
      return;  // a fault, which other tests know
    }
    const size_t got = world_.add_region(region.base, region.bytes);
    HOLDS(got % page == 0u);
    HOLDS(got <= region.bytes);
    if (region.added != 0) HOLDS(got == region.added);
    region.added = got;
    region.is_leaving = false;
  }

  // Is possible just when nothing in it is live; but of a pool's regions not each time at another
  // place.
  void remove_region(Region& region) {
    const size_t got = world_.remove_region(region.base, region.bytes);
    if (region.added == 0) {
      HOLDS(got == 0u);
      return;
    }
    const bool is_used = live_.any_in(region.base, region.bytes);
    const size_t expected = is_used ? 0 : region.added;
    if (is_pool && got == 0 && expected != 0 && !is_removable(region)) return;
    HOLDS(got == expected);
    region.is_leaving = is_removable(region);
    if (got == 0) return;
    region.added = 0;
    region.is_leaving = false;
    __builtin_memset(region.base, support::dirt, region.bytes);  // it is ours again
  }

  bool is_removable(const Region& region) {
    return rsb::inspect(heap()).region_stats(region.base, region.bytes).used_bytes +
               rsb::inspect(heap()).region_stats(region.base, region.bytes).free_bytes !=
           0;
  }

  char* place_of(const Region& region) {
    return support::arena + first_bytes + static_cast<size_t>(&region - regions_) * region_bytes;
  }

  // ---- Misuse
  // -------------------------------------------------------------------------------------

  void misuse(const Request& r) {
    if constexpr (checked) {
      if (blocks_.empty()) return;
      const size_t i = r.which % blocks_.size();
      const Block b = blocks_[i];
      int caught = support::no_fault;
      int expected = support::no_fault;
      switch (r.size % 4) {
        case 0:
          expected = RSB_MISALIGNED_POINTER;
          caught = fault_of_free(b.base + 1);
          break;
        case 1:
          if (b.usable < 8) return;
          expected = RSB_INTERIOR_POINTER;
          caught = fault_of_free(b.base + 4 * (1 + r.which % (b.usable / 4 - 1)));
          break;
        case 2:
          expected = RSB_SIZE_MISMATCH;
          caught = support::fault_of([&] { heap().deallocate(b.base, b.usable + 1 + page); });
          break;
        case 3:
          // The block, or its page, may be gone altogether.
          release(i, Release::plain);
          caught = fault_of_free(b.base);
          HOLDS((caught == RSB_DOUBLE_FREE || caught == RSB_FOREIGN_POINTER));
          return;
      }
      HOLDS(caught == expected);
    }
  }

  int fault_of_free(void* p) {
    return support::fault_of([&] { heap().deallocate(p); });
  }

  // ---- Comparing
  // ----------------------------------------------------------------------------------

  // Nothing that is live may overlap anything that is live.
  void occupy(char* base, size_t bytes) {
    HOLDS(rsb::bytes_from(support::arena, base) + bytes <= support::arena_bytes);
    live_.occupy(base, bytes);
    if (rsb::bytes_from(support::arena, base) < first_bytes) return;
    const Region& region =
        regions_[rsb::bytes_from(support::arena + first_bytes, base) / region_bytes];
    HOLDS(region.added != 0u);
    if (region.is_leaving) HOLDS(may_be_in_leaving_);
  }
  void vacate(char* base) { live_.vacate(base); }

  void compare() {
    const char* const problem = world_.problem();
    if (problem != nullptr) FAILS(problem);
    compare_statistics();
  }

  void compare_statistics() {
    const rsb::Stats stats = world_.stats();
    size_t bytes = 0;
    for (const Block& b : blocks_) bytes += b.usable;
    HOLDS(stats.live_blocks == blocks_.size() + stats.deferred_blocks);
    const bool is_exact = !is_full && stats.deferred_blocks == 0;
    HOLDS((is_exact ? stats.live_bytes == bytes : stats.live_bytes >= bytes));
    HOLDS(stats.failures >= failures_);
    // With Checks::full a request is met, after a first try that counts, by what waits in the
    // queue.
    if (!is_full) HOLDS(stats.failures <= failures_ + kept_in_place_);
    HOLDS(!support::WatchedLock::is_held());
  }

  void compare_contents() {
    for (const Block& b : blocks_) {
      HOLDS(support::holds_pattern(b.base, b.usable, b.seed));
    }
    for (const Run& run : runs_) {
      HOLDS(support::holds_pattern(run.base, run.pages * page, run.seed));
    }
    std::map<void*, size_t> walked;
    rsb::inspect(heap()).walk([&](void* block, size_t usable) {
      walked.emplace(block, usable);
      return true;
    });
    HOLDS(walked.size() == blocks_.size());
    for (const Block& b : blocks_) {
      const auto found = walked.find(b.base);
      HOLDS((found != walked.end()));
      HOLDS(found->second == b.usable);
    }
  }

  World world_;
  const unsigned checked_every_;
  std::vector<Block> blocks_;
  std::vector<Run> runs_;
  LiveRanges live_;
  size_t failures_ = 0;
  size_t kept_in_place_ = 0;  // perhaps because there was no memory: then a failure is counted
  size_t source_failures_ = 0;
  Region regions_[regions] = {};
  bool may_be_in_leaving_ = false;  // what was there before, and has only changed its size
  unsigned next_seed_ = 1;
  unsigned steps_ = 0;
};

}  // namespace property
