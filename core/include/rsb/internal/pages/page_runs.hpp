// SPDX-License-Identifier: MIT OR Apache-2.0
// Runs of pages: taken, given back, split and merged, each in constant time. Not synchronised and
// without a page source: PageAllocator adds both.
//
// Room pages: for the rooms bins and caches, and for the heaps above them.
#pragma once

#include "rsb/internal/pages/page_map.hpp"
#include "rsb/internal/pages/run_lists.hpp"

namespace rsb {

template <Options options>
class PageRuns {
 public:
  static constexpr size_t page = options.page_size;

  constexpr PageRuns() noexcept = default;

  PageMap<options>& map() noexcept { return map_; }
  const PageMap<options>& map() const noexcept { return map_; }

  // Makes [base, base + pages) one free run. The map must cover it.
  Span* add(char* base, size_t pages, uint8_t given, size_t dirty) noexcept {
    Span* const run = enter(base, pages, given, dirty);
    keep(run);
    return run;
  }

  // The same, but the first `wanted` of the pages are taken at once.
  Span* add_and_take(char* base, size_t pages, size_t dirty, size_t wanted) noexcept {
    return keep_front(enter(base, pages, border_none, dirty), wanted);
  }

  // Whether the run is all of an acquisition that may be released.
  bool is_releasable(const Span* run) const noexcept {
    if ((run->border & (border_begin | border_given)) != border_begin) return false;
    return (last_of(run)->border & border_end) != 0;
  }

  // A run of `pages` pages, or null. Its `dirty` is 0 if all of its pages are the source's zeroes.
  Span* take(size_t pages) noexcept {
    Span* const run = lists_.find(pages);
    if (run == nullptr || is_damaged(run)) return nullptr;
    take_out_listed(run);
    return keep_front(run, pages);
  }

  // The same at a multiple of `alignment` bytes, a power of two and at least a page.
  [[gnu::noinline]] Span* take(size_t pages, size_t alignment) noexcept {
    const size_t slack = alignment / page - 1;
    if (slack > UINT32_MAX || pages > UINT32_MAX - slack) return nullptr;
    Span* run = lists_.find(pages);
    if (run == nullptr) return nullptr;
    size_t skip = pages_to(run, alignment);
    if (run->pages < pages + skip) {
      run = lists_.find(pages + slack);  // long enough wherever it begins
      if (run == nullptr) return nullptr;
      skip = pages_to(run, alignment);
    }
    if (is_damaged(run)) return nullptr;
    take_out_listed(run);
    if (skip != 0) {
      Span* const rest = split(run, skip);
      keep_listed(run);
      run = rest;
    }
    return keep_front(run, pages);
  }

  // Whether the run lies in a region that was handed over by address. Of such a run nothing is
  // known to be zero, and nothing ever goes to the page source.
  static bool is_given(const Span* run) noexcept { return (run->border & border_given) != 0; }

  // Whether the run lies in a region that is being taken out: then it is in no list when it is
  // free, and is not taken.
  static bool is_leaving(const Span* run) noexcept { return (run->border & border_leaving) != 0; }

  // From now on nothing is taken from an acquisition, which is given by its first run. Linear in
  // its runs.
  [[gnu::cold]] void stop_taking(Span* first) noexcept {
    for (Span* run = first; run != nullptr; run = next_run(run)) {
      if (run->kind == Kind::free && !is_damaged(run)) take_out(run);
      run->border |= border_leaving;
    }
  }

  // The reverse. Linear in its pages: any of them may have begun a run meanwhile.
  [[gnu::cold]] void resume_taking(Span* first) noexcept {
    for (Span* run = first; run != nullptr; run = next_run(run)) {
      for (size_t i = length(run); i-- != 0;) {
        at(run, i)->border &= static_cast<uint8_t>(~border_leaving);
      }
      if (run->kind == Kind::free) keep(run);
    }
  }

  // Gives back a taken run, of whose pages `dirty` may not be zero any more; returns the free run
  // that it has become part of.
  [[gnu::noinline]] Span* give(Span* run, size_t dirty) noexcept {
    run = merge(run, dirty);
    keep(run);
    return run;
  }

  // The same, but what becomes of the free run is to be decided: it is in no list yet. Follows one
  // of keep(), set_aside() and remove().
  [[gnu::always_inline]] Span* merge(Span* run, size_t dirty) noexcept {
    used_pages_ -= run->pages;
    run->dirty = is_given(run) ? 0 : integer_cast<uint32_t>(dirty);  // not the source's to discard
    if (Span* const right = free_run_behind(run)) {
      take_out(right);
      right->kind = Kind::none;
      append(run, right);
    }
    if (Span* const last = free_page_before(run)) {
      Span* const left = last->kind == Kind::free_last ? last->next : last;
      if (is_damaged(left)) return run;
      take_out(left);
      last->kind = run->kind = Kind::none;
      append(left, run);
      return left;
    }
    return run;
  }

  // Takes a free run out of its list, for one of the following.
  void take_out(Span* run) noexcept {
    if (!is_leaving(run)) [[likely]]
      take_out_listed(run);
  }

  // To be taken.
  void keep(Span* run) noexcept {
    mark_free(run);
    if (!is_leaving(run)) [[likely]]
      list(run);
  }

  // While its contents are discarded: it counts as used, but not for the peak. give() returns it.
  void set_aside(Span* run) noexcept {
    last_of(run)->kind = Kind::none;
    run->kind = Kind::pages;
    used_pages_ += run->pages;
  }

  // Forgets the acquisition that the run covers from end to end.
  void remove(Span* run) noexcept {
    if (run->previous_acquisition != nullptr) {
      run->previous_acquisition->next_acquisition = run->next_acquisition;
    } else {
      acquisitions_ = run->next_acquisition;
    }
    if (run->next_acquisition != nullptr) {
      run->next_acquisition->previous_acquisition = run->previous_acquisition;
    }
    acquired_pages_ -= run->pages;
    Span* const last = last_of(run);
    last->kind = run->kind = Kind::none;
    last->border = run->border = border_none;
  }

  // Lengthens a taken run in place from the free run behind it. False: it is too short.
  bool extend(Span* run, size_t pages) noexcept {
    const size_t more = pages - run->pages;
    Span* const right = free_run_behind(run);
    if (right == nullptr || right->pages < more || is_leaving(right)) return false;
    take_out_listed(right);
    keep_front(right, more);
    right->kind = Kind::none;
    run->pages = integer_cast<uint32_t>(pages);
    return true;
  }

  // Shortens a taken run in place; returns its end, which is a taken run then.
  Span* shorten(Span* run, size_t pages) noexcept {
    Span* const rest = split(run, pages);
    rest->kind = Kind::pages;
    return rest;
  }

  Span* longest_dirty() const noexcept { return lists_.longest_dirty(); }

  // The most pages that take() would find.
  size_t most_pages() const noexcept { return lists_.most_pages(); }

  // Acquisitions, the last one first: each begins with this run. See next_run().
  Span* acquisitions() const noexcept { return acquisitions_; }

  // The run behind `run` in the same acquisition; null if it is the last one.
  Span* next_run(const Span* run) const noexcept {
    const size_t pages = length(run);
    if (verifies && !is_length(pages)) return nullptr;  // overwritten; of none it would be the next
    return at(run, pages - 1)->border & border_end ? nullptr : at(run, pages);
  }

  static size_t length(const Span* run) noexcept {
    return run->is_span() ? options.span_pages() : run->pages;
  }

  // The length of an acquisition, given by its first run; linear in its runs.
  size_t length_of_all(const Span* first) const noexcept {
    size_t pages = 0;
    for (const Span* run = first; run != nullptr; run = next_run(run)) pages += length(run);
    return pages;
  }

  bool is_listed(const Span* run) const noexcept { return lists_.contains(run); }

  // ---- What must hold ----

  // Null, or an invariant that does not hold for a run of any kind but spans. Constant time.
  [[gnu::noinline]] const char* broken_extent(const Span* run) const noexcept {
    const size_t pages = run->pages;
    if (!is_length(pages)) return "a run has pages, and no more than there are";
    if (map_.find(run->base) != run) return "the map leads to a run's descriptor";
    if (run->border & border_begin) {
      const Span* const before = run->previous_acquisition;
      const Span* const behind = run->next_acquisition;
      const bool agree = (before != nullptr ? before->next_acquisition : acquisitions_) == run &&
                         (behind == nullptr || behind->previous_acquisition == run);
      if (!agree) return "the links of the list of acquisitions agree";
    }
    const Span* const last = map_.find(run->base + (pages - 1) * page);
    if (last == nullptr) return ends_where_next_begins;
    if (last->border & border_end) return nullptr;
    const char* const end = run->base + pages * page;
    const Span* const behind = map_.find(end);
    const bool is_run = behind != nullptr && behind->base == end && behind->kind != Kind::none &&
                        behind->kind != Kind::tail && behind->kind != Kind::free_last;
    return is_run ? nullptr : ends_where_next_begins;
  }

  // The same for one that is free, and where it should be.
  [[gnu::noinline]] const char* broken_free(const Span* run) const noexcept {
    if (const char* const broken = broken_extent(run)) return broken;
    if (run->kind != Kind::free) return "a run begins with a descriptor of its kind";
    const Span* const last = map_.find(run->base + (run->pages - 1) * page);
    if (last != run && (last->kind != Kind::free_last || last->next != run)) {
      return "a free run's last page knows its first";
    }
    if (run->dirty > run->pages) return "a run has at most its pages dirty";
    return is_leaving(run) ? nullptr : lists_.broken_place(run);
  }

  // With Checks::full: a free run that was to be taken, or merged, and was not, since that does not
  // hold; it is told once. Null: none.
  Span* take_damaged() noexcept {
    if constexpr (!verifies) return nullptr;
    if constexpr (verifies) {
      Span* const run = damaged_.run;
      damaged_.run = nullptr;
      return run;
    }
  }

  size_t used_pages() const noexcept { return used_pages_; }
  size_t peak_used_pages() const noexcept { return peak_used_pages_; }
  size_t acquired_pages() const noexcept { return acquired_pages_; }
  size_t peak_acquired_pages() const noexcept { return peak_acquired_pages_; }
  size_t free_pages() const noexcept { return acquired_pages_ - used_pages_; }
  size_t dirty_pages() const noexcept { return dirty_pages_; }

  // The peak from now on.
  void begin_peak() noexcept { peak_used_pages_ = used_pages_; }

 private:
  static constexpr bool verifies = verifies_itself(options.checks);
  static constexpr const char* ends_where_next_begins = "a run ends where the next one begins";

  template <bool is_there, class Run = Span>
  struct Damaged {};
  template <class Run>
  struct Damaged<true, Run> {
    Run* run = nullptr;
  };

  // Where sizes have 32 bits, more could end where they began.
  bool is_length(size_t pages) const noexcept { return pages - 1 < acquired_pages_; }

  bool is_damaged([[maybe_unused]] Span* run) noexcept {
    if constexpr (!verifies) return false;
    if constexpr (verifies) {
      if (broken_free(run) == nullptr) [[likely]]
        return false;
      damaged_.run = run;
      return true;
    }
  }

  // The descriptor of the page that is `pages` pages behind the first one of a run.
  Span* at(const Span* run, size_t pages) const noexcept {
    if (run->border & border_scattered) [[unlikely]]
      return find(run->base + pages * page);
    return const_cast<Span*>(run) + pages;
  }

  // Not inline: it is needed in many places, and hardly ever.
  [[gnu::noinline, gnu::cold]] Span* find(const char* p) const noexcept { return map_.find(p); }

  Span* last_of(const Span* run) const noexcept { return at(run, size_t{run->pages} - 1); }

  // Cuts a run that is in no list; returns the second part. Where its dirty pages are is not known:
  // counted as if they came first, since runs are taken from the front. But neither part is clean.
  Span* split(Span* run, size_t pages) noexcept {
    Span* const rest = at(run, pages);
    rest->base = run->base + pages * page;
    rest->pages = integer_cast<uint32_t>(run->pages - pages);
    rest->border = static_cast<uint8_t>(rest->border | (run->border & border_of_all));
    rest->dirty = run->dirty;
    run->pages = integer_cast<uint32_t>(pages);
    if (run->dirty > pages) {
      rest->dirty = integer_cast<uint32_t>(run->dirty - pages);
      run->dirty = run->pages;
    } else if (run->dirty != 0) {
      rest->dirty = 1;
    }
    return rest;
  }

  // What belongs in a list, since no region that is leaving has it.
  void take_out_listed(Span* run) noexcept {
    lists_.remove(run);
    dirty_pages_ -= run->dirty;
  }
  void keep_listed(Span* run) noexcept {
    mark_free(run);
    list(run);
  }
  void list(Span* run) noexcept {
    dirty_pages_ += run->dirty;
    lists_.insert(run);
  }

  void mark_free(Span* run) noexcept {
    Span* const last = last_of(run);
    last->next = run;
    last->kind = Kind::free_last;
    run->kind = Kind::free;  // also if it is the last page
  }

  // Lengthens a run by the one behind it; neither is in a list.
  static void append(Span* left, const Span* right) noexcept {
    left->pages += right->pages;
    left->dirty += right->dirty;
  }

  static size_t pages_to(const Span* run, size_t alignment) noexcept {
    return bytes_from(run->base, align_up(run->base, alignment)) / page;
  }

  // Enters an acquisition; returns the descriptor of its first page, as of a run in no list.
  Span* enter(char* base, size_t pages, uint8_t given, size_t dirty) noexcept {
    Span* const run = map_.find(base);
    const Border scattered =
        map_.is_contiguous(base, pages * page) ? border_none : border_scattered;
    run->border = static_cast<uint8_t>(border_begin | given | scattered);
    run->base = base;
    run->pages = integer_cast<uint32_t>(pages);
    run->dirty = integer_cast<uint32_t>(dirty);
    Span* const last = last_of(run);
    last->border = static_cast<uint8_t>(last->border | border_end);
    run->next_acquisition = acquisitions_;
    run->previous_acquisition = nullptr;
    if (acquisitions_ != nullptr) acquisitions_->previous_acquisition = run;
    acquisitions_ = run;
    acquired_pages_ += pages;
    peak_acquired_pages_ = larger(peak_acquired_pages_, acquired_pages_);
    return run;
  }

  // Makes the beginning of a run that is in no list a taken one, and frees the rest.
  [[gnu::always_inline]] Span* keep_front(Span* run, size_t pages) noexcept {
    if (run->pages > pages) {
      keep_listed(split(run, pages));
    } else {
      last_of(run)->kind = Kind::none;
    }
    run->kind = Kind::pages;
    used_pages_ += pages;
    peak_used_pages_ = larger(peak_used_pages_, used_pages_);
    return run;
  }

  Span* free_run_behind(const Span* run) noexcept {
    if (last_of(run)->border & border_end) return nullptr;
    Span* const right = at(run, run->pages);
    return right->kind == Kind::free && !is_damaged(right) ? right : nullptr;
  }

  // The last page of the free run that ends where `run` begins; null if there is none.
  Span* free_page_before(const Span* run) const noexcept {
    if (run->border & border_begin) return nullptr;
    Span* const last =
        run->border & border_scattered ? find(run->base - page) : const_cast<Span*>(run) - 1;
    return last->kind == Kind::free_last || last->kind == Kind::free ? last : nullptr;
  }

  PageMap<options> map_;
  RunLists<options.page_number_bits()> lists_;
  Span* acquisitions_ = nullptr;
  size_t acquired_pages_ = 0;
  size_t peak_acquired_pages_ = 0;
  size_t used_pages_ = 0;
  size_t peak_used_pages_ = 0;
  size_t dirty_pages_ = 0;  // in free runs
  [[no_unique_address]] Damaged<verifies> damaged_;
};

}  // namespace rsb
