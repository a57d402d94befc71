// SPDX-License-Identifier: MIT OR Apache-2.0
// The built instance in C, beside a model that knows which blocks are live and what they hold.
// Every promise of rsb/rsb.h that one thread can see is compared. Who includes this defines before
// HOLDS(condition) and FAILS(sentence).
#pragma once

#include <map>
#include <vector>

#include "fuzz/built_pages.hpp"
#include "fuzz/c_call.hpp"
#include "property/live_ranges.hpp"
#include "rsb/rsb.h"
#include "support/bytes.hpp"
#include "support/faults.hpp"

namespace fuzz {

class CApiModel {
  using Ask = CCall::Ask;

  static constexpr bool is_small = rsb::is_small;
  static constexpr bool is_full = rsb::Instance::options.checks == rsb::Checks::full;
  static constexpr size_t page = rsb::valloc_alignment();
  static constexpr size_t malloc_alignment = is_small ? 2 * sizeof(void*) : 16;
  static constexpr size_t too_much = SIZE_MAX / 2 + 1;  // a byte more than there can be of anything
  static constexpr int untouched = 77;

 public:
  CApiModel() {
    begin_anew();
    current_ = this;
    if (is_small) rsb_free(rsb_malloc(1));  // so that its first region, which it keeps, is its pool
  }

  void apply(const CCall& call) {
    const int fault = support::fault_of([&] { make(call); });
    HOLDS(fault == support::no_fault);
    if (++steps_ % 16 == 0) look();
  }

  // Releases everything; then nothing may be left.
  void finish() {
    built_source.recover();
    rsb_set_out_of_memory_handler(nullptr);
    look();
    while (!blocks_.empty()) release(blocks_.size() / 2, rsb_free);
    while (!runs_.empty()) release_run(runs_.size() - 1);
    for (Region& each : regions_) remove_region(each);
    look();
    rsb_trim();
    look();
    rsb_stats stats;
    rsb_get_stats(&stats);
    HOLDS(stats.live_blocks == 0);
    HOLDS(stats.used_bytes == 0);
    if (!is_small) HOLDS(stats.acquired_bytes == 0);
  }

 private:
  // How a block may be released other than by free().
  enum class Made { plain, by_alignment, by_size_and_alignment, otherwise };
  struct Block {
    char* base;
    size_t size;
    size_t alignment;
    Made made;
    size_t usable;
    unsigned seed;
  };
  struct Run {
    char* base;
    size_t pages;
    unsigned seed;
  };
  struct Region {
    char* base;
    size_t bytes;
    size_t added;  // what the heap made of them; 0: not the heap's
    bool is_leaving;
  };

  void make(const CCall& c) {
    in_hand_ = nullptr;
    is_aligned_ = c.ask > Ask::reallocarray;
    const size_t alignment = size_t{1} << c.alignment_log;
    const size_t size = c.size;
    switch (c.ask) {
      case Ask::malloc:
        return add(get(size, [&] { return rsb_malloc(size); }), size, 0, Made::plain);
      case Ask::calloc: {
        const size_t bytes = size * (c.which % 8);
        char* const block = get(bytes, [&] { return rsb_calloc(c.which % 8, size); });
        expect_zeroes(block);
        return add(block, bytes, 0, Made::plain);
      }
      case Ask::realloc:
        return resize(c.which, size, 0, [&](void* p) { return rsb_realloc(p, size); });
      case Ask::reallocarray: {
        const size_t count = c.alignment_log;
        return resize(c.which, count * size, 0,
                      [&](void* p) { return rsb_reallocarray(p, count, size); });
      }
      case Ask::aligned_alloc:
        return add(get(size, [&] { return rsb_aligned_alloc(alignment, size); }), size, alignment,
                   Made::by_alignment);
      case Ask::memalign: {
        const size_t less = alignment - c.which % (alignment / 2 + 1);  // is rounded up, or is none
        const size_t given = less == alignment / 2 ? less : alignment;
        return add(get(size, [&] { return rsb_memalign(less, size); }), size, given,
                   Made::otherwise);
      }
      case Ask::posix_memalign:
        return posix_memalign(rsb::larger(alignment, sizeof(void*)), size);
      case Ask::valloc:
        return add(get(size, [&] { return rsb_valloc(size); }), size, page, Made::otherwise);
      case Ask::pvalloc: {
        const size_t rounded = (rsb::larger(size, 1) + page - 1) / page * page;
        return add(get(rounded, [&] { return rsb_pvalloc(size); }), rounded, page, Made::otherwise);
      }
      case Ask::allocate:
        return add(get(size, [&] { return rsb_allocate(size, alignment); }), size, alignment,
                   Made::by_size_and_alignment);
      case Ask::allocate_zeroed: {
        char* const block = get(size, [&] { return rsb_allocate_zeroed(size, alignment); });
        expect_zeroes(block);
        return add(block, size, alignment, Made::by_size_and_alignment);
      }
      case Ask::reallocate:
        return resize(c.which, size, alignment,
                      [&](void* p) { return rsb_reallocate(p, size, alignment); });
      case Ask::malloc_nowait:
        return add(get_nowait([&] { return rsb_malloc_nowait(size); }), size, 0, Made::plain);
      case Ask::aligned_alloc_nowait:
        return add(get_nowait([&] { return rsb_aligned_alloc_nowait(alignment, size); }), size,
                   alignment, Made::by_alignment);
      case Ask::free:
        if (!blocks_.empty()) release(c.which % blocks_.size(), rsb_free);
        return;
      case Ask::free_as_made:
        if (!blocks_.empty()) release_as_made(c.which % blocks_.size());
        return;
      case Ask::free_nowait:
        if (!blocks_.empty()) release(c.which % blocks_.size(), rsb_free_nowait);
        return;
      case Ask::page_allocate:
        return allocate_run(1 + size / page, c.which % 2 == 0 ? 0 : alignment);
      case Ask::page_resize:
        if (!runs_.empty()) resize_run(runs_[c.which % runs_.size()], size / page);
        return;
      case Ask::page_free:
        if (!runs_.empty()) release_run(c.which % runs_.size());
        return;
      case Ask::too_large:
        return ask_too_much(c);
      case Ask::wrong_alignment:
        return ask_with_wrong_alignment(c);
      case Ask::null:
        return give_null(size, alignment);
      case Ask::describe:
        return describe(c);
      case Ask::look:
        return look();
      case Ask::trim:
        HOLDS(rsb_trim() <= source_bytes);
        return;
      case Ask::add_region:
        return add_region(regions_[c.which % regions], size % 100);
      case Ask::remove_region:
        return remove_region(regions_[c.which % regions]);
      case Ask::set_handler: {
        static constexpr rsb_out_of_memory_handler handlers[] = {nullptr, give_up, give_one};
        const rsb_out_of_memory_handler handler = handlers[c.which % 3];
        HOLDS((rsb_set_out_of_memory_handler(handler) == handler_));
        handler_ = handler;
        return;
      }
      case Ask::source_fails:
        if (c.which % 2 == 0) {
          built_source.fail_once_after(c.which / 2 % 4);
        } else {
          built_source.fail_always_after(c.which / 2 % 4);
        }
        return;
      case Ask::source_recovers:
        return built_source.fail_never();
      case Ask::misuse:
        return misuse(c);
      case Ask::clear:
        if constexpr (is_small) clear();
        return;
      case Ask::count:
        return;
    }
  }

  // ---- Failing ----

  // The block that the call returned; where that is null, the reasons are seen to. `bytes`: the
  // least that is asked for.
  template <class F>
  char* get(size_t bytes, F call) {
    begin_call(bytes);
    char* const block = static_cast<char*>(call());
    if (block == nullptr) {
      HOLDS(error_number == rsb::error_no_memory);
      explain_null();
    }
    return block;
  }

  void begin_call(size_t bytes) {
    error_number = untouched;
    asked_ = bytes;
    handled_ = 0;
    source_failures_ = built_source.failures();
    if constexpr (is_small) largest_request_ = rsb_largest_request();
  }

  void explain_null() {
    failures_++;
    if (asked_ > SIZE_MAX / 4) return;  // which no handler could help
    if (handler_ != nullptr) HOLDS(handled_ != 0);
    if constexpr (is_small) {
      // Of more aligned ones nobody says.
      HOLDS((rsb::larger(asked_, 1) > largest_request_ || is_aligned_));
    } else {
      HOLDS(built_source.failures() > source_failures_);
    }
  }

  // Null needs no reason, and is no failure.
  template <class F>
  char* get_nowait(F call) {
    begin_call(0);
    const size_t calls = built_source.calls();
    char* const block = static_cast<char*>(call());
    HOLDS(error_number == untouched);
    HOLDS(built_source.calls() == calls);
    HOLDS(handled_ == 0);
    return block;
  }

  static int give_up(size_t bytes) {
    HOLDS(bytes >= current_->asked_);
    current_->handled_++;
    return 0;
  }
  static int give_one(size_t bytes) {
    give_up(bytes);
    CApiModel& m = *current_;
    const size_t last = m.blocks_.size() - 1;
    if (m.blocks_.empty() || m.blocks_[last].base == m.in_hand_) return 0;
    const int error = error_number;
    m.release(last, rsb_free);
    error_number = error;
    return 1;
  }

  void ask_too_much(const CCall& c) {
    const size_t sizes[] = {SIZE_MAX - c.size, too_much + c.size, too_much - 1 - c.size};
    const size_t bytes = sizes[c.which % 3];
    // A product that is small when it has overflowed.
    const size_t size = 2 + c.size;
    const size_t count = SIZE_MAX / size + 1 + c.which % 4;
    void* const old = blocks_.empty() ? nullptr : blocks_[c.which % blocks_.size()].base;
    in_hand_ = old;
    const auto expect_null = [&](auto call) { HOLDS(get(bytes, call) == nullptr); };
    switch (c.alignment_log) {
      case 0:
        return expect_null([&] { return rsb_malloc(bytes); });
      case 1:
        return expect_null([&] { return rsb_calloc(1, bytes); });
      case 2:
        return expect_null([&] { return rsb_calloc(bytes, 1 + c.which); });
      case 3:
        return expect_null([&] { return rsb_calloc(count, size); });
      case 4:
        return expect_null([&] { return rsb_realloc(old, bytes); });
      case 5:
        return expect_null([&] { return rsb_reallocarray(old, 1 + c.which, bytes); });
      case 6:
        return expect_null([&] { return rsb_reallocarray(old, count, size); });
      case 7:
        return expect_null([&] { return rsb_aligned_alloc(64, bytes); });
      case 8:
        return expect_null([&] { return rsb_memalign(size, bytes); });
      case 9:
        return expect_null([&] { return rsb_valloc(bytes); });
      case 10:
        return expect_null([&] { return rsb_pvalloc(bytes); });
      case 11:
        return expect_null([&] { return rsb_allocate(bytes, 4); });
      case 12:
        return expect_null([&] { return rsb_allocate_zeroed(bytes, 64); });
      case 13:
        return expect_null([&] { return rsb_reallocate(old, bytes, 8); });
      case 14:
        HOLDS(get_nowait([&] { return rsb_malloc_nowait(bytes); }) == nullptr);
        HOLDS(get_nowait([&] { return rsb_aligned_alloc_nowait(64, bytes); }) == nullptr);
        return;
      default: {
        void* block = &block;
        begin_call(bytes);
        HOLDS(rsb_posix_memalign(&block, 64, bytes) == rsb::error_no_memory);
        HOLDS(block == &block);
        return explain_null();
      }
    }
  }

  void ask_with_wrong_alignment(const CCall& c) {
    const size_t odd = 3 + 2 * c.which;
    const size_t wrong = c.which == 255 ? 0 : odd << c.alignment_log;
    begin_call(0);
    HOLDS(rsb_aligned_alloc(wrong, c.size) == nullptr);
    HOLDS(error_number == rsb::error_invalid);
    begin_call(0);
    HOLDS(rsb_memalign(SIZE_MAX - c.size, c.size) == nullptr);
    HOLDS(error_number == rsb::error_invalid);
    HOLDS(get_nowait([&] { return rsb_aligned_alloc_nowait(wrong, c.size); }) == nullptr);
    void* block = &block;
    for (const size_t alignment : {wrong, size_t{0}, size_t{1}, sizeof(void*) / 2}) {
      HOLDS(rsb_posix_memalign(&block, alignment, c.size) == rsb::error_invalid);
      HOLDS(block == &block);
    }
  }

  void posix_memalign(size_t alignment, size_t size) {
    void* block = &block;
    begin_call(size);
    const int error = rsb_posix_memalign(&block, alignment, size);
    if (error == 0) return add(static_cast<char*>(block), size, alignment, Made::otherwise);
    HOLDS(error == rsb::error_no_memory);
    HOLDS(block == &block);
    explain_null();
  }

  // ---- Blocks ----

  void expect_zeroes(const char* block) {
    if (block != nullptr) HOLDS(support::holds_only(block, rsb_malloc_usable_size(block), 0));
  }

  void add(char* base, size_t size, size_t alignment, Made made) {
    if (base == nullptr) return;
    const size_t usable = rsb_malloc_usable_size(base);
    HOLDS(usable >= size);
    const size_t natural = size >= 16 ? malloc_alignment : sizeof(void*);
    const bool is_as_small = made == Made::by_size_and_alignment;  // as it is asked for
    HOLDS(rsb::is_aligned(support::opaque(base),
                          is_as_small ? alignment : rsb::larger(alignment, natural)));
    occupy(base, usable);
    blocks_.push_back({base, size, alignment, made, usable, next_seed_++});
    support::fill_pattern(base, usable, blocks_.back().seed);
  }

  template <class F>
  void resize(size_t which, size_t size, size_t alignment, F call) {
    const Made made = alignment == 0 ? Made::plain : Made::by_size_and_alignment;
    if (blocks_.empty())
      return add(get(size, [&] { return call(nullptr); }), size, alignment, made);
    const Block old = blocks_[which % blocks_.size()];
    in_hand_ = old.base;
    char* const base = get(size, [&] { return call(old.base); });
    if (base == nullptr) {
      HOLDS(support::holds_pattern(old.base, old.usable, old.seed));
      return;
    }
    resized_++;
    HOLDS(support::holds_pattern(base, rsb::smaller(old.size, size), old.seed));
    is_in_place_ = base == old.base;
    remove(old.base);
    add(base, size, alignment, made);
    is_in_place_ = false;
  }

  Block remove(const void* base) {
    size_t i = 0;
    while (blocks_[i].base != base) i++;
    const Block b = blocks_[i];
    blocks_.erase(blocks_.begin() + static_cast<ptrdiff_t>(i));
    live_.vacate(b.base);
    return b;
  }

  template <class F>
  void release(size_t i, F call) {
    const Block b = remove(blocks_[i].base);
    HOLDS(support::holds_pattern(b.base, b.usable, b.seed));
    error_number = untouched;
    call(b.base);
    HOLDS(error_number == untouched);
  }

  void release_as_made(size_t i) {
    const Block b = blocks_[i];
    switch (b.made) {
      case Made::plain:
        return release(i, [&](void* p) { rsb_free_sized(p, b.size); });
      case Made::by_alignment:
        return release(i, [&](void* p) { rsb_free_aligned_sized(p, b.alignment, b.size); });
      case Made::by_size_and_alignment:
        return release(i, [&](void* p) { rsb_deallocate(p, b.size, b.alignment); });
      case Made::otherwise:
        return release(i, rsb_free);
    }
  }

  // Whatever was live, and whatever waited to be taken over.
  void clear() {
    rsb_clear();
    for (const Block& b : blocks_) live_.vacate(b.base);
    blocks_.clear();
    rsb_stats stats;
    rsb_get_stats(&stats);
    HOLDS(stats.live_blocks == 0);
    HOLDS(stats.deferred_blocks == 0);
    look();
  }

  void give_null(size_t size, size_t alignment) {
    error_number = untouched;
    rsb_free(nullptr);
    rsb_free_sized(nullptr, size);
    rsb_free_aligned_sized(nullptr, alignment, size);
    rsb_deallocate(nullptr, size, alignment);
    rsb_free_nowait(nullptr);
    rsb_page_free(nullptr);
    HOLDS(rsb_malloc_usable_size(nullptr) == 0);
    HOLDS(rsb_page_resize(nullptr, size) == 0);
    HOLDS(error_number == untouched);
    HOLDS(rsb_may_own(nullptr) == 0);
  }

  // ---- Page runs ----

  void allocate_run(size_t pages, size_t alignment) {
    begin_call(is_small ? too_much : pages * page);  // a small heap has none
    char* const base = static_cast<char*>(rsb_page_allocate(pages, alignment));
    if (base == nullptr) {
      HOLDS(error_number == rsb::error_no_memory);
      if (is_small) return;
      failures_++;
      HOLDS(built_source.failures() > source_failures_);
      return;
    }
    HOLDS(!is_small);
    HOLDS(rsb::is_aligned(base, rsb::larger(alignment, page)));
    occupy(base, pages * page);
    runs_.push_back({base, pages, next_seed_++});
    support::fill_pattern(base, pages * page, runs_.back().seed);
  }

  void resize_run(Run& run, size_t pages) {
    if (rsb_page_resize(run.base, pages) == 0) {
      HOLDS((pages == 0 || pages > run.pages));  // a run can always become shorter
      return;
    }
    HOLDS(pages != 0);
    HOLDS(support::holds_pattern(run.base, rsb::smaller(pages, run.pages) * page, run.seed));
    is_in_place_ = pages <= run.pages;
    live_.vacate(run.base);
    occupy(run.base, pages * page);
    is_in_place_ = false;
    run.pages = pages;
    support::fill_pattern(run.base, pages * page, run.seed);
  }

  void release_run(size_t i) {
    const Run run = runs_[i];
    HOLDS(support::holds_pattern(run.base, run.pages * page, run.seed));
    live_.vacate(run.base);
    runs_.erase(runs_.begin() + static_cast<ptrdiff_t>(i));
    rsb_page_free(run.base);
  }

  // ---- Regions ----

  void add_region(Region& each, size_t skip) {
    if (each.added == 0) {
      each.base = region(static_cast<size_t>(&each - regions_)) + skip;
      each.bytes = region_bytes - skip;
    } else if (!each.is_leaving) {
      return;  // a fault
    }
    const size_t got = rsb_add_region(each.base, each.bytes);
    HOLDS(got <= each.bytes);
    if (!is_small) HOLDS(got % page == 0);
    if (each.added != 0) HOLDS(got == each.added);
    each.added = got;
    each.is_leaving = false;
  }

  // Is possible just when nothing in it is live.
  void remove_region(Region& each) {
    const size_t got = rsb_remove_region(each.base, each.bytes);
    const bool is_used = live_.any_in(each.base, each.bytes);
    HOLDS((got != 0) == (each.added != 0 && !is_used));
    if (!is_small && got != 0) HOLDS(got == each.added);
    each.is_leaving = !is_small && each.added != 0 && got == 0;
    if (got == 0) return;
    each.added = 0;
    support::fill(each.base, each.bytes, support::dirt);  // it is ours again
  }

  // Nothing that is live may overlap anything that is live, nor lie in what is not the heap's.
  void occupy(char* base, size_t bytes) {
    live_.occupy(base, bytes);
    const size_t at = rsb::bytes_from(built_arena, base);
    if (is_small && at >= sizeof built_arena) return;  // in its pool
    HOLDS(at + bytes <= sizeof built_arena);
    if (at < source_bytes) {
      HOLDS((built_source.holds(base) && built_source.holds(base + bytes - 1)));
      return;
    }
    const Region& each = regions_[(at - source_bytes) / region_bytes];
    HOLDS(each.added != 0);
    HOLDS((base >= each.base && base + bytes <= each.base + each.bytes));
    if (each.is_leaving) HOLDS(is_in_place_);
  }

  // ---- What the heap knows ----

  void describe(const CCall& c) {
    rsb_description d;
    if (blocks_.empty()) {
      HOLDS(rsb_describe(&d, &d) == 0);
      HOLDS(d.state == RSB_NO_BLOCK);
      return;
    }
    const Block& b = blocks_[c.which % blocks_.size()];
    const size_t offset = c.size % rsb::larger(b.usable, 1);
    HOLDS(rsb_may_own(b.base + offset) != 0);
    HOLDS(rsb_describe(b.base + offset, &d) != 0);
    HOLDS(d.state == RSB_BLOCK_LIVE);
    HOLDS(d.block == b.base);
    HOLDS(d.size == b.usable);
    HOLDS(d.offset == static_cast<ptrdiff_t>(offset));
    if constexpr (is_small) HOLDS(rsb_block_with(b.base + offset) == b.base);
    if (d.run != nullptr) {
      HOLDS(rsb::bytes_from(d.run, b.base) + b.usable <= d.run_bytes);
    }
    // Of any other it may say what it likes.
    const void* const other = built_arena + c.size * 20;
    const int known = rsb_describe(other, &d);
    HOLDS((known != 0) == (d.run != nullptr || d.state != RSB_NO_BLOCK));
  }

  void look() {
    if (const char* const problem = rsb_check()) FAILS(problem);
    if (built_source.complaint() != nullptr) FAILS(built_source.complaint());
    rsb_stats stats;
    rsb_get_stats(&stats);
    size_t bytes = 0;
    for (const Block& b : blocks_) {
      HOLDS(support::holds_pattern(b.base, b.usable, b.seed));
      bytes += b.usable;
    }
    for (const Run& run : runs_) {
      HOLDS(support::holds_pattern(run.base, run.pages * page, run.seed));
    }
    HOLDS(stats.live_blocks == blocks_.size() + stats.deferred_blocks);
    const bool is_exact = !is_full && stats.deferred_blocks == 0;
    HOLDS((is_exact ? stats.live_bytes == bytes : stats.live_bytes >= bytes));
    HOLDS(stats.acquired_bytes == stats.used_bytes + stats.free_bytes);
    HOLDS(stats.failures >= failures_);
    HOLDS(stats.failures <= failures_ + resized_);  // some perhaps in place, for want of memory
    compare_bins(stats);
    if constexpr (!is_small) {
      size_t given = 0;
      for (const Region& each : regions_) given += each.added;
      HOLDS(stats.acquired_bytes + stats.metadata_bytes == built_source.held_bytes() + given);
    }
    compare_walk(stats);
  }

  void compare_bins(const rsb_stats& stats) {
    size_t live = stats.large_blocks;
    size_t previous = 0;
    rsb_bin_stats bin;
    for (size_t i = 0; i < stats.bins; i++) {
      HOLDS(rsb_get_bin_stats(i, &bin) != 0);
      HOLDS(bin.slot_bytes > previous);
      HOLDS(bin.live <= bin.slots);
      previous = bin.slot_bytes;
      live += bin.live;
    }
    HOLDS(rsb_get_bin_stats(stats.bins, &bin) == 0);
    if (!is_small) HOLDS(live == stats.live_blocks);
  }

  void compare_walk(const rsb_stats& stats) {
    std::map<void*, size_t> walked;
    const auto visit = [](void* block, size_t bytes, void* context) {
      static_cast<std::map<void*, size_t>*>(context)->emplace(block, bytes);
      return 1;
    };
    HOLDS(rsb_walk(visit, &walked) == 1);
    HOLDS(walked.size() == stats.live_blocks);
    for (const Block& b : blocks_) {
      const auto found = walked.find(b.base);
      HOLDS((found != walked.end()));
      HOLDS(found->second == b.usable);
    }
  }

  // ---- Misuse ----

  void misuse(const CCall& c) {
    int local = 0;
    expect_fault(&local, [&] { rsb_free(&local); });
    expect_fault(&local, [&] { support::drop(rsb_malloc_usable_size(&local)); });
    if (!runs_.empty()) {
      char* const run = runs_[c.which % runs_.size()].base;
      expect_fault(run, [&] { rsb_free(run); });
    }
    if (blocks_.empty()) return;
    const size_t i = c.which % blocks_.size();
    const Block b = blocks_[i];
    char* const inside = b.base + (b.usable >= 64 ? 16 + c.size % (b.usable / 32) * 16 : 1);
    switch (c.alignment_log % 7) {
      case 0:
        return expect_fault(b.base + 1, [&] { rsb_free(b.base + 1); });
      case 1:
        return expect_fault(inside, [&] { rsb_free(inside); });
      case 2:
        return expect_fault(inside, [&] { support::drop(rsb_realloc(inside, c.size)); });
      case 3:
        return expect_fault(b.base, [&] { rsb_free_sized(b.base, 2 * b.usable + 2 * page); });
      case 4:
        return expect_fault(b.base,
                            [&] { rsb_free_aligned_sized(b.base, 16, 2 * b.usable + 2 * page); });
      case 5:
        return expect_fault(b.base, [&] { rsb_page_free(b.base); });
      case 6:
        release(i, rsb_free);
        return expect_fault(b.base, [&] { rsb_free(b.base); });
    }
  }

  template <class F>
  void expect_fault(const void* address, F call) {
    HOLDS(support::fault_of(call) != support::no_fault);
    HOLDS(support::fault_address() == address);
  }

  static inline constinit CApiModel* current_ = nullptr;

  std::vector<Block> blocks_;
  std::vector<Run> runs_;
  property::LiveRanges live_;
  Region regions_[regions] = {};
  bool is_in_place_ = false;  // what was there before, and has only changed its size
  unsigned next_seed_ = 1;
  unsigned steps_ = 0;

  size_t failures_ = 0;
  size_t resized_ = 0;
  rsb_out_of_memory_handler handler_ = nullptr;
  const void* in_hand_ = nullptr;  // not for the handler
  // Of the call that is being made:
  size_t asked_ = 0;
  size_t handled_ = 0;
  size_t source_failures_ = 0;
  size_t largest_request_ = 0;
  bool is_aligned_ = false;
};

}  // namespace fuzz
