// SPDX-License-Identifier: MIT OR Apache-2.0
// Large blocks that were released, with the guard pages around them: until another of about the
// same size takes the place, so that neither has to be protected anew. The oldest of a size is used
// first. Linked through the descriptors of their runs, which nobody writes to by accident. Constant
// time. The heap's lock guards it.
//
// Room guard_pages: for Checks::full of heaps of pages.
#pragma once

#include "rsb/internal/pages/run_lists.hpp"

namespace rsb {

// `longest_bytes`: longer runs are not kept.
template <size_t page, size_t longest_bytes>
class GuardedStock {
  static constexpr size_t longest = rounded_down_run(longest_bytes / page);
  static constexpr unsigned classes = run_length_class(longest) + 1;

 public:
  static bool takes(const Span* run) noexcept { return run->pages <= longest; }

  size_t bytes() const noexcept { return bytes_; }
  size_t count() const noexcept { return count_; }

  // It must be one that takes() says.
  void put(Span* run) noexcept {
    Queue& queue = queues_[run_length_class(run->pages)];
    run->next = nullptr;
    (queue.oldest != nullptr ? queue.newest->next : queue.oldest) = run;
    queue.newest = run;
    bytes_ += run->pages * page;
    count_++;
  }

  // One of at least a rounded length (see run_lists.hpp); null: there is none.
  Span* take(size_t pages) noexcept {
    return pages <= longest ? take_oldest(queues_[run_length_class(pages)]) : nullptr;
  }

  // Of the longest; null: there is none.
  Span* take_any() noexcept {
    for (unsigned c = classes; c-- != 0;) {
      if (Span* const run = take_oldest(queues_[c])) return run;
    }
    return nullptr;
  }

  // visit(run) for each, until it returns false.
  template <class Visit>
  void for_each(Visit visit) const noexcept {
    for (const Queue& queue : queues_) {
      for (Span* run = queue.oldest; run != nullptr; run = run->next) {
        if (!visit(run)) return;
      }
    }
  }

 private:
  struct Queue {
    Span* oldest = nullptr;
    Span* newest = nullptr;
  };

  Span* take_oldest(Queue& queue) noexcept {
    Span* const run = queue.oldest;
    if (run == nullptr) return nullptr;
    queue.oldest = run->next;
    bytes_ -= run->pages * page;
    count_--;
    return run;
  }

  Queue queues_[classes] = {};
  size_t bytes_ = 0;
  size_t count_ = 0;
};

}  // namespace rsb
