// SPDX-License-Identifier: MIT OR Apache-2.0
// By what means a heap gets memory that is not at hand, one after the other.
//
// Room heap: for Heap, and for the room cached_heap on it.
#pragma once

#include "rsb/internal/heap/heap_deferred.hpp"

namespace rsb {

template <HeapConfig Config>
class HeapMeans : protected HeapDeferred<Config> {
 protected:
  using Base = HeapDeferred<Config>;
  using Base::bins_, Base::out_of_memory_, Base::pages_;
  using Base::deferred, Base::release_span, Base::take_over_all, Base::verify;
  using Base::options, Base::page;
  using typename Base::Classes, typename Base::LockGuard;

  // A run of pages for a request of `bytes`. Null: there is none; or it is not needed any more,
  // since something else has been freed.
  template <class Take, class Met>
  Span* by_all_means(LockGuard& guard, size_t bytes, Insist insist, Take take,
                     Met is_met) noexcept {
    for (;;) {
      if (Span* const run = take()) [[likely]]
        return run;
      if (!may_try_again(guard, bytes, insist) || is_met()) return nullptr;
    }
  }

  [[gnu::cold, gnu::noinline]] bool may_try_again(LockGuard& guard, size_t bytes,
                                                  Insist insist) noexcept {
    if constexpr (options.deferred_batch != 0) {
      deferred().look_again();
      if (take_over_all(guard)) return true;
    }
    // A span that is free is enough for another bin: no need to count them.
    if (bytes <= options.span_size || pages_.may_have(guard, bytes, free_bytes())) {
      if (reclaim_empty_span(guard)) return true;
      if (pages_.runs_.free_pages() != 0 && pages_.trim(guard) != 0) return true;
    }
    if (insist == Insist::no) return false;
    {
      Unlocked unlocked(guard);
      if (ask_handler(bytes)) return true;
    }
    pages_.give_up(guard);
    return false;
  }

  // What can be given up without asking anybody.
  [[gnu::cold]] size_t free_bytes() const noexcept {
    size_t bytes = pages_.runs_.free_pages() * page;
    for (SizeClass c = 0; c < Classes::count; c++) {
      const Span* const span = bins_.current(c);
      if (span != nullptr && span->is_last_use()) bytes += options.span_size;
    }
    return bytes;
  }

  // Without the lock. True: the user's handler says that it has released something.
  [[gnu::cold]] bool ask_handler(size_t bytes) noexcept {
    OutOfMemoryHandler const handler = load_acquire(&out_of_memory_);
    return handler != nullptr && handler(bytes) != 0;
  }

  // The current span of a bin is kept even when it is empty. True: one was given up, and then the
  // lock, so that nobody waits for more than one.
  [[gnu::cold]] bool reclaim_empty_span(LockGuard& guard) noexcept {
    for (SizeClass c = 0; c < Classes::count; c++) {
      Span* const span = bins_.current(c);
      if (span == nullptr || !span->is_last_use()) continue;
      verify(span);
      release_span(guard, bins_.drop_current(c));
      Unlocked unlocked(guard);
      return true;
    }
    return false;
  }
};

}  // namespace rsb
