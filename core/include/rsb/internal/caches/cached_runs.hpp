// SPDX-License-Identifier: MIT OR Apache-2.0
// The runs of pages that a cache keeps: large blocks, free, for the next of about the same length.
//
// Theory of operation. A stack for each class of lengths (run_lists.hpp): a request takes what its
// thread released last, which is in the processor's caches still. A stack that is found empty is
// filled from the heap, by one run first and twice as many each time it happens again: so who
// allocates one block gets no more, and who passes blocks on takes the lock once for some. Nor does
// a stack keep more than one before it was found empty and full: then twice as many. What all are
// worth is limited; where there is no more room, runs go back, of one class after the other. Those
// that were released first go first, some at a time.
//
// Room caches: for the room cached_heap, CachedHeap's.
#pragma once

#include "rsb/internal/caches/cache_budget.hpp"
#include "rsb/internal/pages/run_lists.hpp"

namespace rsb {

// Bytes that a cache may hold on average; 0: caches keep no runs, and take no room.
template <size_t page, size_t bytes>
class CachedRuns {
 public:
  static constexpr size_t own_share = bytes / 4;
  static constexpr size_t most_bytes = 4 * bytes;

  // Pages, a rounded length: that of a request for no more is no more, either. Longer runs are not
  // kept.
  static constexpr size_t longest = rounded_down_run(bytes / page);

  // How many runs pass between a cache and the heap under one turn of the lock, and what they are
  // worth, at most, unless one alone is worth more.
  static constexpr size_t batch = 8;
  static constexpr size_t batch_pages = larger(bytes / 4 / page, 1);

  constexpr CachedRuns() noexcept = default;

  // Before the first use; afterwards, forgets all that it holds and has borrowed.
  void begin() noexcept {
    for (Stack& stack : stacks_) stack = {.capacity = 1};
    allowance_.begin();
    count_ = 0;
  }

  size_t count() const noexcept { return count_; }
  size_t borrowed() const noexcept { return allowance_.borrowed(); }

  // A run of a rounded length, or a little more; or null.
  Span* take(size_t pages) noexcept {
    Span* const taken = stacks_[run_length_class(pages)].take_newest();
    if (taken == nullptr) return nullptr;
    allowance_.earn(taken->pages * page);
    count_--;
    return taken;
  }

  // Of a length of which take() had none: how many shall be fetched.
  size_t wanted(size_t pages) noexcept {
    Stack& stack = stacks_[run_length_class(pages)];
    if (stack.was_full)
      stack.capacity = static_cast<uint16_t>(smaller(2 * size_t{stack.capacity}, most));
    stack.was_full = false;
    const size_t most_fetched = smaller(batch, batch_pages / pages);
    stack.fetched =
        static_cast<uint8_t>(larger(smaller(2 * size_t{stack.fetched}, most_fetched), 1));
    return stack.fetched;
  }

  // A run that was released, or one that was fetched. False: there is no room for it. Runs that go
  // back for it are in front of `given`.
  bool put_released(Span* run, CacheBudget& budget, Span*& given) noexcept {
    Stack& stack = stacks_[run_length_class(run->pages)];
    if (stack.count >= stack.capacity) {
      stack.was_full = true;
      size_t pages = 0;
      for (size_t i = stack.count / 2 + 1; i != 0 && pages < batch_pages; i--) {
        pages += stack.oldest->pages;
        give(stack.take_oldest(), given);
      }
    }
    return put(run, budget, given);
  }
  bool put(Span* run, CacheBudget& budget, Span*& given) noexcept {
    const size_t its_bytes = run->pages * page;
    allowance_.borrow(its_bytes, budget);
    while (allowance_.spare() < its_bytes && count_ != 0) give_up(batch, given);
    if (allowance_.spare() < its_bytes) return false;
    allowance_.spend(its_bytes);
    stacks_[run_length_class(run->pages)].put(run);
    count_++;
    return true;
  }

  // Up to `most_runs`, and no more than a batch is worth, in front of `given`, of all classes in
  // turn.
  void give_up(size_t most_runs, Span*& given) noexcept {
    size_t pages = 0;
    while (count_ != 0 && most_runs != 0 && pages < batch_pages) {
      victim_ = (victim_ + 1) % classes;
      Stack& stack = stacks_[victim_];
      if (stack.count == 0) continue;
      pages += stack.oldest->pages;
      give(stack.take_oldest(), given);
      most_runs--;
    }
  }

  // For inspection.
  bool is_sound() const noexcept {
    size_t runs = 0;
    size_t held = 0;
    for (size_t c = 0; c < classes; c++) {
      size_t of_class = 0;
      for (const Span* run = stacks_[c].newest; run != nullptr; run = run->next) {
        if (run->kind_without_lock() != Kind::large || !run->is_cached()) return false;
        if (run_length_class(run->pages) != c || ++runs > count_) return false;
        held += run->pages * page;
        of_class++;
      }
      if (of_class != stacks_[c].count) return false;
    }
    return runs == count_ && held + allowance_.spare() == allowance_.granted();
  }

 private:
  static constexpr size_t classes = longest != 0 ? run_length_class(longest) + 1 : 1;

  // The most runs of a class.
  static constexpr size_t most = 512;

  // Of each run the one that was put behind it is `previous`; of the newest it is what it was.
  struct Stack {
    Span* newest = nullptr;
    Span* oldest = nullptr;
    uint16_t count = 0;
    uint16_t capacity = 0;  // at least 1 from begin() on
    bool was_full = false;  // since it was found empty
    uint8_t fetched = 0;    // how many the last time that it was found empty

    void put(Span* run) noexcept {
      run->next = newest;
      if (newest != nullptr) {
        store_relaxed(&newest->previous, run);
      } else {
        oldest = run;
      }
      newest = run;
      count++;
    }
    Span* take_newest() noexcept {
      Span* const taken = newest;
      if (taken == nullptr) return nullptr;
      newest = taken->next;
      if (newest == nullptr) oldest = nullptr;
      count--;
      return taken;
    }
    // There must be one.
    Span* take_oldest() noexcept {
      Span* const taken = oldest;
      if (--count == 0) {
        newest = oldest = nullptr;
      } else {
        oldest = taken->previous;
        oldest->next = nullptr;
      }
      return taken;
    }
  };

  void give(Span* run, Span*& given) noexcept {
    run->next = given;
    given = run;
    allowance_.earn(run->pages * page);
    count_--;
  }

  Stack stacks_[classes];
  Allowance<own_share, most_bytes> allowance_;
  size_t count_ = 0;
  size_t victim_ = 0;
};

}  // namespace rsb
