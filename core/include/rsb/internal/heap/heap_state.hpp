// SPDX-License-Identifier: MIT OR Apache-2.0
// What a heap is made of: its pages, its bins and a few words; and how a block is found in them.
//
// Room heap: for Heap, and for the room cached_heap on it.
#pragma once

#include "rsb/internal/bins/bins.hpp"
#include "rsb/internal/blocks/request.hpp"
#include "rsb/internal/heap/heap_pages.hpp"
#include "rsb/internal/pages/span_invariants.hpp"

namespace rsb {

template <HeapConfig Config>
class HeapState {
 public:
  static constexpr Options options = Config::options;
  static constexpr size_t page = options.page_size;
  static constexpr bool checked = options.checks != Checks::off;

  using Classes = SizeClasses<options>;
  using Pages = typename Config::Pages;

 protected:
  using Runs = PageRuns<options>;
  using LockGuard = typename HeapPages<Config>::LockGuard;
  using LockHeld = Held<typename Config::Lock>;

  constexpr HeapState() noexcept = default;

  static constexpr bool verifies = verifies_itself(options.checks);
  static constexpr bool spans_have_tails = options.span_pages() > 1;
  static constexpr bool spans_may_be_owned = requires { typename Config::Seats; };

  // Pages of the longest run that caches keep; 0: they keep none.
  static constexpr size_t longest_cached_run = [] {
    if constexpr (requires { Config::caches; }) {
      return rounded_down_run(Config::caches.run_bytes / page);
    }
    return size_t{0};
  }();

  // ---- Finding ----

  // No lock needed, and the block is not touched.
  Span* find(const void* block) noexcept {
    Span* const span = pages_.map().find(block);
    if (span == nullptr) [[unlikely]]
      refuse_foreign(block);
    return span;
  }

  [[noreturn, gnu::cold, gnu::noinline]] void refuse_foreign(const void* block) noexcept {
    raise(fault_without_run(block, 0), block);
  }

  // Of an address that lies in none of the heap's memory now: it may have been a block that began
  // at most so many bytes behind the beginning of its acquisition. Without the lock, too.
  [[gnu::cold]] Fault fault_without_run(const void* p, size_t most_before) const noexcept {
    return pages_.gone_.has_before(p, most_before) ? Fault::double_free : Fault::foreign_pointer;
  }

  Span* head_of(Span* span) const noexcept {
    if constexpr (spans_have_tails) {
      if (span->kind == Kind::tail) return span->next;
    }
    return span;
  }

  // The same for who has a live block, without the lock; see Span::kind_without_lock().
  static Span* head_of_slot(Span* span) noexcept {
    if constexpr (spans_have_tails) {
      if (span->kind_without_lock() == Kind::tail) return span->next;
    }
    return span;
  }

  // Not block - span->base where that can be helped: the difference would have to wait for the
  // descriptor, and the next allocation for the difference.
  static size_t offset_in_span(const Span* span, const void* block) noexcept {
    if constexpr (spans_have_tails) {
      return bytes_from(span->base, block);
    } else {
      return bytes_into(block, page);
    }
  }

  // Asked without the lock, too.
  static bool is_live_large(const Span* span, const void* block) noexcept {
    return span->kind_without_lock() == Kind::large && span->base == block && !is_cached(span);
  }
  // Of Kind::large.
  static bool is_cached(const Span* span) noexcept {
    if constexpr (longest_cached_run == 0) return false;
    return span->is_cached();
  }

  size_t bytes_of_block(const Span* span) const noexcept {
    return span->kind == Kind::large ? size_t{span->pages} * page : span->slot_bytes();
  }

  // ---- What must hold ----

  // Null, or an invariant that does not hold for a descriptor, so far as that can be seen at once;
  // with the lock held. Of a span that a cache owns: what does not change without the lock.
  // (Inline: to who only asks whether there is one, the sentences cost nothing.)
  [[gnu::always_inline]] const char* broken_invariant(const Span* span) const noexcept {
    using Invariants = SpanInvariants<Classes>;
    if (!span->is_span()) {
      return span->reciprocal == 0 && span->quick_below == 0
                 ? nullptr
                 : "what is no span looks like none to those who free";
    }
    if (const char* const broken = Invariants::broken_shape(*span)) return broken;
    const char* const broken = span->kind == Kind::current ? broken_current(span)
                               : spans_may_be_owned && span->kind == Kind::owned
                                   ? Invariants::broken_returned(*span)
                                   : broken_listed(span);
    if (broken != nullptr) return broken;
    return pages_.map().find(span->base) == span ? nullptr : "the map leads to a run's descriptor";
  }

  // The same of a bin's current span, and of one that is not, nor a cache's.
  [[gnu::always_inline]] const char* broken_current(const Span* span) const noexcept {
    using Invariants = SpanInvariants<Classes>;
    if (span->owner != 0) return "what no cache owns has no owner";
    if (const char* const broken = Invariants::broken_counts(*span, Kind::current)) return broken;
    return bins_.broken_current(span);
  }
  const char* broken_listed(const Span* span) const noexcept {
    if (span->owner != 0) return "what no cache owns has no owner";
    if (const char* const broken = SpanInvariants<Classes>::broken_counts(*span, span->kind)) {
      return broken;
    }
    if (!Runs::is_leaving(span) && span->has_slot() == (span->kind == Kind::full)) {
      return "a span is full when it has no slot";
    }
    if (span->live() == 0) return "an empty span is given back";
    return bins_.broken_place(span);
  }

  // ---- What requests come to ----

  // Of any size: one page for no bytes.
  static size_t pages_for(size_t size) noexcept { return (larger(size, 1) - 1) / page + 1; }

  static void* filled(void* block, size_t bytes, Fill fill) noexcept {
    if (fill == Fill::zero && block != nullptr) __builtin_memset(block, 0, bytes);
    return block;
  }

  // ---- What was released without waiting ----

  DeferredFrees& deferred() noexcept { return pages_.map().deferred(); }

  void* pop_deferred() noexcept {
    const PushGuard pushing(pages_.lock_);
    return deferred().pop();
  }

  bool has_deferred() const noexcept {
    if constexpr (options.deferred_batch == 0) return false;
    return pages_.map().deferred().any();
  }

  HeapPages<Config> pages_;
  Bins<Classes::count> bins_;
  size_t pages_ahead_ = 0;  // taken while blocks waited to be taken over
  uint32_t secret_ = 0;
  bool shrunk_in_place_ = false;
  bool moving_fails_ = false;
  bool is_seeded_ = false;
  OutOfMemoryHandler out_of_memory_ = nullptr;
};

}  // namespace rsb
