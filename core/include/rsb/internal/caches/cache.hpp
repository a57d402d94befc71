// SPDX-License-Identifier: MIT OR Apache-2.0
// A cache: a magazine for each size class, and how large each of them may be; spans; and runs.
//
// Theory of operation. A magazine is a stack of pointers to free slots. What fills and empties it
// in batches is CachedHeap; here is decided how many slots a magazine may hold: its capacity. A
// magazine begins with a batch, and doubles when it was found both empty and full since it last
// grew: that is when a larger one would have helped (one that is only ever found empty, or only
// full, passes blocks through, whatever its size). What all capacities of a cache are worth is
// limited: each cache is granted a share of its own, and more from a budget that all caches have in
// common. When there is no more, a magazine grows at the cost of another of the same cache, in
// turns. (Magazines: Bonwick, Adams, "Magazines and Vmem", 2001.)
//
// Room caches: for the room cached_heap, CachedHeap's.
#pragma once

#include "rsb/internal/blocks/size_class.hpp"
#include "rsb/internal/caches/cached_runs.hpp"
#include "rsb/internal/caches/owned_spans.hpp"
#include "rsb/seat.hpp"

namespace rsb {

// A stack of pointers to slots. What is needed of it again and again, and the rest, which lie
// apart: so each of several magazines is found by one index.
struct MagazineRest {
  void** bottom = nullptr;
  // Since the capacity last grew.
  bool was_empty = false;
  bool was_full = false;
};

class Magazine {
 public:
  // top: the slot on top; `bottom`, where a null is, if there is none. limit: where top is when it
  // is full.
  [[gnu::always_inline]] Magazine(void**& top, void**& limit, MagazineRest& the_rest) noexcept
      : rest(the_rest), top_(top), limit_(limit) {}

  // Without room for any slot. `nothing` is null for good.
  void begin(void** nothing) const noexcept {
    rest = {.bottom = nothing};
    top_ = limit_ = nothing;
  }

  // For one without room: there is some, for a null in front and as many slots as the magazine will
  // ever hold.
  void place(void** slots) const noexcept {
    slots[0] = nullptr;
    rest.bottom = top_ = limit_ = slots;
  }

  // Null: there is none.
  [[gnu::always_inline]] void* pop() const noexcept {
    void* const slot = *top_;
    if (slot != nullptr) [[likely]]
      top_--;
    return slot;
  }

  // False: it is full.
  [[gnu::always_inline]] bool push(void* slot) const noexcept {
    if (top_ == limit_) [[unlikely]]
      return false;
    *++top_ = slot;
    return true;
  }

  // Whether the slot is one of the last `most` that were pushed.
  bool has_among_last(size_t most, const void* slot) const noexcept {
    for (void* const* at = top_; at != rest.bottom && most != 0; at--, most--) {
      if (*at == slot) return true;
    }
    return false;
  }
  bool is_full() const noexcept { return top_ == limit_; }
  size_t count() const noexcept { return static_cast<size_t>(top_ - rest.bottom); }
  size_t capacity() const noexcept { return static_cast<size_t>(limit_ - rest.bottom); }
  void* const* begin() const noexcept { return rest.bottom + 1; }
  void* const* end() const noexcept { return top_ + 1; }

  // Up to `most` slots; in slots[] the one pushed last comes last. Returns how many.
  size_t take(void** slots, size_t most) const noexcept {
    const size_t taken = smaller(most, count());
    top_ -= taken;
    if (taken != 0) __builtin_memcpy(slots, top_ + 1, taken * sizeof(void*));
    return taken;
  }

  // Up to `most` slots, slots[0] to be popped first; returns how many there was room for.
  size_t put(void* const* slots, size_t most) const noexcept {
    const size_t put = smaller(most, capacity() - count());
    for (size_t i = put; i != 0; i--) *++top_ = slots[i - 1];
    return put;
  }

  // There must not be more slots in it.
  void set_capacity(size_t capacity) const noexcept { limit_ = rest.bottom + capacity; }

  MagazineRest& rest;

 private:
  void**& top_;
  void**& limit_;
};

template <class Classes, CacheOptions options, size_t page>
class alignas(64) Cache {
  static_assert(options.most_bytes >= options.bytes / 4,
                "CacheOptions::most_bytes must be at least a quarter of bytes");
  static_assert(options.batch != 0 && options.magazine >= options.batch,
                "CacheOptions::batch must be from 1 to magazine");

  // A quarter of what a cache may hold is in spans, unless that is too little for the classes that
  // a program uses at a time.
 public:
  static constexpr bool owns_spans = options.bytes / 4 >= 8 * Classes::span;

 private:
  static constexpr size_t for_spans(size_t bytes) { return owns_spans ? bytes / 4 : 0; }
  static constexpr size_t for_magazines(size_t bytes) { return bytes - for_spans(bytes); }
  static constexpr size_t most_bytes = for_magazines(options.most_bytes);

 public:
  using Spans = OwnedSpans<Classes, for_spans(options.bytes) / 4, for_spans(options.most_bytes)>;
  using Runs = CachedRuns<page, options.run_bytes>;
  static constexpr bool keeps_runs = Runs::longest != 0;

  // The most slots of a class that a cache may hold.
  static constexpr size_t most(SizeClass c) {
    const size_t bytes = smaller(options.magazine_bytes, most_bytes);
    return larger(smaller(options.magazine, bytes / Classes::layout(c).size), 1);
  }

  // How many slots of a class pass between a magazine and the heap at a time.
  static constexpr size_t batch(SizeClass c) {
    return larger(smaller(options.batch, options.batch_bytes / Classes::layout(c).size), 1);
  }

  constexpr Cache() noexcept = default;

  // What each cache may hold for certain in magazines, of what there is for each on average; and
  // what `count` caches share besides, in magazines, in spans and in runs.
  static constexpr size_t own_share = for_magazines(options.bytes) / 4;
  static constexpr size_t common_share(size_t count) {
    return for_magazines(all_bytes(count, options.bytes)) - count * own_share;
  }
  static constexpr size_t common_share_of_spans(size_t count) {
    return for_spans(all_bytes(count, options.bytes)) - count * Spans::own_share;
  }
  static constexpr size_t common_share_of_runs(size_t count) {
    return keeps_runs ? all_bytes(count, options.run_bytes) - count * Runs::own_share : 0;
  }

  // Before the first use; afterwards, forgets all that it holds and has borrowed.
  void begin() noexcept {
    for (SizeClass c = 0; c < Classes::count; c++) magazine(c).begin(&nothing_);
    allowance_.begin();
    spans.begin();
    runs.begin();
    has_begun = true;
  }

  // The magazine was found empty, or full: perhaps it becomes larger. That may take room from
  // another one, whose slots that have no place any more are put into out[], `options.batch` of
  // them at most; returns how many.
  size_t found_empty(SizeClass c, CacheBudget& budget, void** out) noexcept {
    const Magazine m = magazine(c);
    const bool grow = m.rest.was_full || m.capacity() == 0;
    if (grow) m.rest.was_full = false;
    m.rest.was_empty = true;
    return grow ? enlarge(c, budget, out) : 0;
  }
  size_t found_full(SizeClass c, CacheBudget& budget, void** out) noexcept {
    const Magazine m = magazine(c);
    const bool grow = m.rest.was_empty || m.capacity() == 0;
    if (grow) m.rest.was_empty = false;
    m.rest.was_full = true;
    return grow ? enlarge(c, budget, out) : 0;
  }

  // What its capacities may be worth, and how much of it is from the common budget.
  size_t granted() const noexcept { return allowance_.granted(); }
  size_t borrowed() const noexcept { return allowance_.borrowed(); }

  bool is_empty() const noexcept { return count() == 0 && spans.count() == 0 && runs.count() == 0; }

  // Slots in magazines, and what they are worth.
  size_t count() const noexcept {
    size_t slots = 0;
    for (SizeClass c = 0; c < Classes::count; c++) slots += magazine(c).count();
    return slots;
  }
  size_t bytes() const noexcept {
    size_t sum = 0;
    for (SizeClass c = 0; c < Classes::count; c++) sum += magazine(c).count() * size_of(c);
    return sum;
  }

  [[gnu::always_inline]] Magazine magazine(size_t c) noexcept {
    return {tops_[c], limits_[c], rests_[c]};
  }
  Magazine magazine(size_t c) const noexcept { return const_cast<Cache*>(this)->magazine(c); }

  // For the set of caches, under its lock.
  bool has_begun = false;
  Seat* owner = nullptr;  // whose it is
  Cache* next = nullptr;  // behind this one, of those that are nobody's
  bool is_still = false;  // while all caches are seized: its owner is not at work on it
  Seat* taker = nullptr;  // who has taken it away to empty it, without lock

 private:
  static constexpr size_t all_bytes(size_t count, size_t bytes) {
    return larger(options.all_bytes, count * bytes);
  }
  static constexpr size_t size_of(SizeClass c) { return Classes::layout(c).size; }

  // Doubles a capacity as far as there is room.
  size_t enlarge(SizeClass c, CacheBudget& budget, void** out) noexcept {
    const Magazine m = magazine(c);
    const size_t before = m.capacity();
    const size_t wanted = smaller(most(c), larger(2 * before, batch(c)));
    const size_t needed = (wanted - before) * size_of(c);
    size_t taken = 0;
    allowance_.borrow(needed, budget);
    const bool may_fit = size_of(c) <= granted();
    if (needed > allowance_.spare() && may_fit) taken = shrink_another(c, out);
    const size_t after = smaller(wanted, before + allowance_.spare() / size_of(c));
    // Only now: a cache's memory is not touched before it is used.
    if (before == 0 && after != 0) m.place(slots_ + first_slots.of[c]);
    allowance_.spend((after - before) * size_of(c));
    m.set_capacity(after);
    return taken;
  }

  // Halves the capacity of the next magazine that has one, or takes from it what makes a batch.
  size_t shrink_another(SizeClass c, void** out) noexcept {
    for (size_t i = 0; i < Classes::count; i++) {
      victim_ = static_cast<SizeClass>((victim_ + 1) % Classes::count);
      const Magazine m = magazine(victim_);
      if (victim_ == c || m.capacity() == 0) continue;
      size_t kept = m.capacity() / 2;
      size_t taken = 0;
      if (m.count() > kept) taken = m.take(out, smaller(m.count() - kept, options.batch));
      kept = larger(kept, m.count());
      allowance_.earn((m.capacity() - kept) * size_of(victim_));
      m.set_capacity(kept);
      m.rest.was_empty = m.rest.was_full = false;
      return taken;
    }
    return 0;
  }

  // Where in slots_ the magazine of each class is; and behind the last one.
  struct FirstSlots {
    uint32_t of[Classes::count + 1] = {};
  };
  static constexpr FirstSlots first_slots = [] {
    FirstSlots result;
    for (SizeClass c = 0; c < Classes::count; c++) {
      result.of[c + 1] = result.of[c] + integer_cast<uint32_t>(most(c) + 1);
    }
    return result;
  }();

  void** tops_[Classes::count] = {};
  void** limits_[Classes::count] = {};
  MagazineRest rests_[Classes::count];

 public:
  Spans spans;  // behind what the fast paths need
  Runs runs;

 private:
  Allowance<own_share, most_bytes> allowance_;  // what is spare, no magazine's capacity stands for
  SizeClass victim_ = 0;
  void* nothing_ = nullptr;
  void* slots_[first_slots.of[Classes::count]] = {};
};

}  // namespace rsb
