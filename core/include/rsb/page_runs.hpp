// Runs of pages: taken, given back, split and merged, each in constant time. Not synchronised and
// without a page source: PageAllocator adds both.
#pragma once

#include "rsb/page_map.hpp"
#include "rsb/run_lists.hpp"

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
    Span* const run = enter(base, pages, given);
    make_free(run, base, pages, dirty);
    return run;
  }

  // The same, but the first `wanted` of the pages are taken at once.
  Span* add_and_take(char* base, size_t pages, size_t dirty, size_t wanted) noexcept {
    Span* const run = enter(base, pages, 0);
    run->base = base;
    run->pages = static_cast<uint32_t>(pages);
    run->dirty = static_cast<uint32_t>(dirty);
    return keep_front(run, wanted);
  }

  // Forgets the acquisition that a free run covers from end to end.
  void remove(Span* run) noexcept {
    take_out(run);
    if (run->previous_acquisition != nullptr) {
      run->previous_acquisition->next_acquisition = run->next_acquisition;
    } else {
      acquisitions_ = run->next_acquisition;
    }
    if (run->next_acquisition != nullptr) {
      run->next_acquisition->previous_acquisition = run->previous_acquisition;
    }
    acquired_pages_ -= run->pages;
    last_of(run)->border = border_none;
    run->border = border_none;
    run->kind = Kind::none;
  }

  // Whether the free or taken run is all of an acquisition that may be released.
  bool is_releasable(const Span* run) const noexcept {
    if ((run->border & (border_begin | border_given)) != border_begin) return false;
    return (last_of(run)->border & border_end) != 0;
  }

  // A run of `pages` pages at a multiple of `alignment` bytes, or null. Its `dirty` says how many
  // of its pages may not be zero.
  Span* take(size_t pages, size_t alignment = page) noexcept {
    const size_t slack = alignment / page - 1;
    if (slack > UINT32_MAX || pages > UINT32_MAX - slack) return nullptr;
    Span* run = lists_.find(pages);
    if (run == nullptr) return nullptr;
    size_t skip = 0;
    if (slack != 0) {
      skip = pages_to(run, alignment);
      if (run->pages < pages + skip) {
        run = lists_.find(pages + slack);  // long enough wherever it begins
        if (run == nullptr) return nullptr;
        skip = pages_to(run, alignment);
      }
    }
    unlist(run);
    if (skip != 0) {
      Span* const rest = split(run, skip);
      make_free(run, run->base, skip, run->dirty);
      run = rest;
    }
    return keep_front(run, pages);
  }

  // Takes a free run aside while its contents are discarded; give() returns it. In between it
  // counts as used, but not for the peak.
  void set_aside(Span* run) noexcept {
    take_out(run);
    run->kind = Kind::pages;
    used_pages_ += run->pages;
  }

  // Whether the run lies in a region that was handed over by address. Of such a run nothing is
  // known to be zero, and nothing ever goes to the page source.
  static bool is_given(const Span* run) noexcept { return (run->border & border_given) != 0; }

  // Gives back a taken run, of whose pages `dirty` may not be zero any more; returns the free run
  // that it has become part of.
  Span* give(Span* run, size_t dirty) noexcept {
    char* base = run->base;
    size_t pages = run->pages;
    used_pages_ -= pages;
    if (is_given(run)) dirty = 0;  // not the page source's to discard
    if (Span* const right = free_run_behind(run)) {
      unlist(right);
      right->kind = Kind::none;  // its last page becomes that of the whole
      pages += right->pages;
      dirty += right->dirty;
    }
    if (Span* const last_before = free_page_before(run)) {
      Span* const left = first_of(last_before);
      unlist(left);
      run->kind = Kind::none;
      last_before->kind = Kind::none;  // if it is left's only page, it is set again below
      base = left->base;
      pages += left->pages;
      dirty += left->dirty;
      run = left;
    }
    make_free(run, base, pages, dirty);
    return run;
  }

  // Lengthens a taken run in place from the free run behind it. False: it is too short.
  bool extend(Span* run, size_t pages) noexcept {
    const size_t more = pages - run->pages;
    Span* const right = free_run_behind(run);
    if (right == nullptr || right->pages < more) return false;
    take_out(right);
    if (right->pages > more) {
      Span* const rest = split(right, more);
      make_free(rest, rest->base, rest->pages, rest->dirty);
    }
    right->kind = Kind::none;
    run->pages = static_cast<uint32_t>(pages);
    count_used(more);
    return true;
  }

  // Shortens a taken run in place; returns the free run that its end has become part of.
  Span* shorten(Span* run, size_t pages) noexcept {
    Span* const rest = split(run, pages);
    rest->kind = run->kind;
    return give(rest, rest->pages);
  }

  Span* find_dirty() const noexcept { return lists_.find_dirty(); }

  // Acquisitions, the last one first: each begins with this run. See next_run().
  Span* acquisitions() const noexcept { return acquisitions_; }

  // The run behind `run` in the same acquisition; null if it is the last one.
  Span* next_run(const Span* run) const noexcept {
    const size_t pages = length(run);
    if (map_.find(run->base + (pages - 1) * page)->border & border_end) return nullptr;
    return map_.find(run->base + pages * page);
  }

  static size_t length(const Span* run) noexcept {
    return run->is_span() ? options.span_pages() : run->pages;
  }

  bool is_listed(const Span* run) const noexcept { return lists_.contains(run); }

  size_t used_pages() const noexcept { return used_pages_; }
  size_t peak_used_pages() const noexcept { return peak_used_pages_; }
  size_t acquired_pages() const noexcept { return acquired_pages_; }
  size_t peak_acquired_pages() const noexcept { return peak_acquired_pages_; }
  size_t free_pages() const noexcept { return acquired_pages_ - used_pages_; }
  size_t dirty_pages() const noexcept { return dirty_pages_; }

 private:
  // Cuts a run that is in no list; returns the second part. `dirty` is an upper bound, so each part
  // may inherit all of it.
  Span* split(Span* run, size_t pages) noexcept {
    Span* const rest = map_.find(run->base + pages * page);
    rest->base = run->base + pages * page;
    rest->pages = static_cast<uint32_t>(run->pages - pages);
    rest->border = static_cast<uint8_t>(rest->border | (run->border & border_given));
    rest->dirty = static_cast<uint32_t>(smaller(run->dirty, rest->pages));
    run->pages = static_cast<uint32_t>(pages);
    run->dirty = static_cast<uint32_t>(smaller(run->dirty, pages));
    return rest;
  }

  void make_free(Span* run, char* base, size_t pages, size_t dirty) noexcept {
    run->kind = Kind::free;
    run->base = base;
    run->pages = static_cast<uint32_t>(pages);
    run->dirty = static_cast<uint32_t>(smaller(dirty, pages));
    if (pages > 1) {
      Span* const last = last_of(run);
      last->kind = Kind::free_last;
      last->pages = run->pages;
      last->base = base + (pages - 1) * page;
    }
    dirty_pages_ += run->dirty;
    lists_.insert(run);
  }

  // Takes a free run out of its list; descriptors stay as they are.
  void unlist(Span* run) noexcept {
    lists_.remove(run);
    dirty_pages_ -= run->dirty;
  }

  // Takes a free run out of its list; its kind is the caller's to set.
  void take_out(Span* run) noexcept {
    unlist(run);
    if (run->pages > 1) last_of(run)->kind = Kind::none;
  }

  static size_t pages_to(const Span* run, size_t alignment) noexcept {
    return bytes_from(run->base, align_up(run->base, alignment)) / page;
  }

  Span* last_of(const Span* run) const noexcept {
    return map_.find(run->base + (size_t{run->pages} - 1) * page);
  }

  // Enters an acquisition; returns the descriptor of its first page.
  Span* enter(char* base, size_t pages, uint8_t given) noexcept {
    Span* const run = map_.find(base);
    Span* const last = map_.find(base + (pages - 1) * page);
    run->border = static_cast<uint8_t>(border_begin | given);
    last->border = static_cast<uint8_t>(last->border | border_end);
    run->next_acquisition = acquisitions_;
    run->previous_acquisition = nullptr;
    if (acquisitions_ != nullptr) acquisitions_->previous_acquisition = run;
    acquisitions_ = run;
    acquired_pages_ += pages;
    if (acquired_pages_ > peak_acquired_pages_) peak_acquired_pages_ = acquired_pages_;
    return run;
  }

  // Makes the beginning of a run that is in no list a taken one, and frees the rest.
  Span* keep_front(Span* run, size_t pages) noexcept {
    if (run->pages > pages) {
      Span* const rest = split(run, pages);
      make_free(rest, rest->base, rest->pages, rest->dirty);
    } else if (pages > 1) {
      last_of(run)->kind = Kind::none;
    }
    run->kind = Kind::pages;
    count_used(pages);
    return run;
  }

  void count_used(size_t pages) noexcept {
    used_pages_ += pages;
    if (used_pages_ > peak_used_pages_) peak_used_pages_ = used_pages_;
  }

  Span* free_run_behind(const Span* run) const noexcept {
    const Span* const last = run->pages == 1 ? run : last_of(run);
    if (last->border & border_end) return nullptr;
    Span* const right = map_.find(run->base + size_t{run->pages} * page);
    return right->kind == Kind::free ? right : nullptr;
  }

  // The last page of a free run that ends where `run` begins; null if there is none.
  Span* free_page_before(const Span* run) const noexcept {
    if (run->border & border_begin) return nullptr;
    Span* const last = map_.find(run->base - page);
    return last->kind == Kind::free || last->kind == Kind::free_last ? last : nullptr;
  }

  // From the last page of a free run to its first.
  Span* first_of(Span* last) const noexcept {
    if (last->kind == Kind::free) return last;
    return map_.find(last->base - (size_t{last->pages} - 1) * page);
  }

  PageMap<options> map_;
  RunLists<options.page_number_bits()> lists_;
  Span* acquisitions_ = nullptr;
  size_t acquired_pages_ = 0;
  size_t peak_acquired_pages_ = 0;
  size_t used_pages_ = 0;
  size_t peak_used_pages_ = 0;
  size_t dirty_pages_ = 0;  // in free runs
};

}  // namespace rsb
