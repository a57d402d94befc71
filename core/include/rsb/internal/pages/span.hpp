// SPDX-License-Identifier: MIT OR Apache-2.0
// The descriptor of a run of pages, and the free list of a span.
//
// Every page has a descriptor in the page map; the one of a run's first page describes the run
// (and, for free runs, that of its last page says where the run begins). It is never inside the
// pages.
//
// Theory of operation of a span: slots start at offset 0, one behind the other. Those from `fresh`
// on have never been handed out. A free slot holds in its first four bytes a *link*: the offset of
// the next free slot (16 bits, in units of 4 bytes) and a tag (16 bits), the exclusive or of the
// next offset and the lower half of the slot's *mark*. That is the exclusive or of the slot's own
// offset and the span's secret (32 bits); where the slot has 8 bytes or more, its next four hold
// it. A wrong tag when a slot is taken is a write after free. A right mark when a slot comes back
// is suspicious, and a right link before it is proof of a double free: the odds that a program
// wrote just these bits are 1 in 2^48. A 4-byte slot has no room for a mark; there the link is what
// is looked at, and the most recently freed slots are compared. Link and mark are erased whenever a
// slot is handed out, and zeroes are never right, so nothing that an earlier life left behind
// counts.
//
// A free slot that lies in a cache (cache.hpp) counts as handed out. It bears its mark meanwhile,
// so that a release of it is noticed as any other; and before it, instead of a link, the complement
// of the mark: whether the two belong together can be said without the span.
//
// Shortcomings: the tag finds accidents, and the attacker who cannot read freed memory. Who can
// read a link can forge one. But a link, forged or not, never leads out of its span.
//
// Room pages: for the rooms bins and caches, and for the heaps above them.
#pragma once

#include "rsb/internal/blocks/size_class.hpp"
#include "rsb/options.hpp"

namespace rsb {

// What a run of pages is used for. `none` must be 0: the descriptor of memory never seen.
enum class Kind : uint8_t {
  none,       // not ours, or a page inside a run
  free,       // first page of a free run
  free_last,  // last page of a free run of two pages or more
  pages,      // handed out by the page-only allocator, or in transit
  reserve,    // kept for those who cannot wait
  large,      // one block of whole pages
  current,    // a span: slots of one class; the one that its bin serves from
  owned,      // a span that a cache serves from, or on its way there or back; in no list of a bin
  span,       // a span with free slots, in its bin's list
  full,       // a span without free slot, in no list
  tail,       // a page of a span other than its first
};

// Where the run lies in what was acquired at a time: neighbours beyond are not ours to merge with.
enum Border : uint8_t {
  border_none = 0,
  border_begin = 1,  // first page of an acquisition
  border_end = 2,    // last page of an acquisition
  // Of every run's first page:
  border_given = 4,      // in a region handed over by address
  border_scattered = 8,  // in an acquisition whose descriptors do not lie one behind the other
  border_leaving = 16,   // in a region that is being taken out: nothing is allocated from it
  border_of_all = border_given | border_scattered | border_leaving,
};

// Offset of a slot in its span, in units of 4 bytes.
using SlotOffset = uint16_t;
inline constexpr SlotOffset no_slot = 0xffff;

// What a free slot begins with. Two fields rather than one word: the processor then forwards `next`
// from the free that wrote it to the allocation that reads it without arithmetic in between.
struct Link {
  SlotOffset next;
  uint16_t tag;
};

struct alignas(sizeof(void*) == 8 ? 64 : 8) Span {
  struct Slots {
    SlotOffset first_free;
    SlotOffset fresh;  // slots from here to `end` were never handed out
  };

  Kind kind = Kind::none;
  SizeClass size_class = 0;
  uint8_t border = border_none;
  // Kind::owned: the number of the cache; 0 while it is on its way, and for all that is not owned.
  // Kind::large: with Checks::full 1, if pages of it cannot be touched.
  uint8_t owner = 0;

  union {
    uint32_t pages = 0;  // runs that are no spans: their length
    Slots slots;         // spans
  };
  union {
    uint16_t slot_units = 0;
    uint16_t open_pages;  // Kind::large, with guard pages: that can be touched, from its record on
  };
  union {
    SlotOffset end = 0;  // spans: behind the last slot
    uint16_t list;       // free runs: which list of RunLists the run is in
  };
  union {
    // Spans: slots handed out, and one more for the current span of a bin, and for one that is
    // owned.
    uint16_t uses = 0;
    uint16_t record_units;  // Kind::large, in GuardedStock: where its record is
  };
  // Slots below this may be released quickly, unless it is the last use: those below `fresh`; none
  // of spans that are full or have 4-byte slots, nor of all that is no span.
  SlotOffset quick_below = 0;
  // Spans: see SlotLayout. 0 for all that is no span.
  uint32_t reciprocal = 0;
  union {
    // Free runs: about how many of the pages may hold other than the source's zeroes; 0 if none do.
    uint32_t dirty = 0;
    uint32_t secret;  // spans
  };

  char* base = nullptr;  // of the run

  // Free runs: neighbours in the list of their size. Spans: neighbours in their bin; behind an
  // owned one, the next of the cache. Tails and free_last: the descriptor of the first page.
  Span* next = nullptr;
  // Slots that came back to an owned span by others than its owner: a list of its own.
  struct Returned {
    SlotOffset first;
    SlotOffset last;
    uint16_t count;
  };
  union {
    Span* previous = nullptr;  // Kind::large: whether it is live, see is_cached()
    Returned returned;         // Kind::owned
  };

  // border_begin: the list of acquisitions.
  Span* next_acquisition = nullptr;
  Span* previous_acquisition = nullptr;

  void become_span(SizeClass c, const SlotLayout& layout, uint32_t random) noexcept {
    size_class = c;
    slots = {no_slot, 0};
    slot_units = layout.units;
    end = layout.end;
    uses = 0;
    quick_below = 0;
    reciprocal = layout.reciprocal;
    secret = random | in_each_secret;
  }

  // What is a span no more.
  void become_run(size_t length) noexcept {
    pages = integer_cast<uint32_t>(length);
    quick_below = 0;
    reciprocal = 0;
  }

  // Kind::large: whether a cache keeps the run, or it is on its way there or back. Then it is free,
  // although its neighbours, who know nothing but its kind, are not merged with it. May change
  // without the lock. Not touched where heaps have no caches.
  bool is_cached() const noexcept { return load_relaxed(&previous) != mark_of_live(); }
  // False: it is already, or no live block any more. So of two threads that release the same block
  // one does, whatever has become of the run since the other looked at its kind.
  bool become_cached() noexcept {
    return compare_exchange(&previous, mark_of_live(), this) == mark_of_live();
  }
  void become_live() noexcept { store_relaxed(&previous, mark_of_live()); }

  // Who holds the heap's lock may read `kind` as it is; see kind_without_lock().
  void set_kind(Kind k) noexcept { store_relaxed(&kind, k); }
  // A span is Kind::full from now on, and until take_quickly().
  void become_full() noexcept {
    set_kind(Kind::full);
    quick_below = 0;
  }
  void take_quickly() noexcept { quick_below = slot_units == 1 ? SlotOffset{0} : slots.fresh; }
  // For those who know a live block of the run: a span of theirs remains a span.
  Kind kind_without_lock() const noexcept { return load_relaxed(&kind); }

  static bool is_span(Kind kind) noexcept { return kind >= Kind::current && kind <= Kind::full; }
  bool is_span() const noexcept { return is_span(kind); }
  size_t live() const noexcept {
    if (kind == Kind::owned) return size_t{uses} - 1 - returned.count;
    return size_t{uses} - (kind == Kind::current);
  }
  // The same for who may take slots from it, which those are not that came back to an owned one. Of
  // this kind. More than all, if that cannot be.
  uint32_t taken(Kind its_kind) const noexcept {
    return uint32_t{uses} - (its_kind == Kind::current || its_kind == Kind::owned);
  }
  // Whether nothing is in use any more once a slot has been released.
  bool is_last_use() const noexcept { return uses == 1; }
  bool has_free() const noexcept { return slots.first_free < end; }
  bool has_fresh() const noexcept { return slots.fresh < end; }
  bool has_slot() const noexcept { return has_free() || has_fresh(); }
  char* slot(SlotOffset at) const noexcept { return base + size_t{at} * 4; }
  size_t slot_bytes() const noexcept { return size_t{slot_units} * 4; }

  // Whether slots may be of 4 bytes, as those of malloc() are not.
  enum class Least : uint8_t { four_bytes, eight_bytes };

  // has_fresh() must hold.
  template <Checks checks>
  void* carve() noexcept {
    char* const result = slot(slots.fresh);
    if (result == nullptr) __builtin_unreachable();  // see leave_out_null()
    const SlotOffset behind = static_cast<SlotOffset>(slots.fresh + slot_units);
    if constexpr (checks == Checks::under_guards) {
      store(result + 20, seal_in_the_making);
      fence<__ATOMIC_RELEASE>();  // for who looks at it meanwhile
    }
    store_relaxed(&slots.fresh, behind);
    uses++;
    if (slot_units > 1) {
      quick_below = behind;
      if constexpr (checks != Checks::off) store(result, uint64_t{0});
    } else if constexpr (checks != Checks::off) {
      store(result, uint32_t{0});
    }
    return result;
  }

  // has_free() must hold. Null: the link in the slot was overwritten, and nothing has changed.
  template <Checks checks, Least least = Least::four_bytes>
  void* pop() noexcept {
    const size_t at = as_if_loaded(size_t{slots.first_free});
    char* const result = as_if_loaded(base + at * 4);
    if (result == nullptr) __builtin_unreachable();  // see leave_out_null()
    const Link found = load_link(result);
    if constexpr (checks != Checks::off) {
      if (!is_link(at, found)) [[unlikely]]
        return nullptr;
      erase_link<least>(result);
    }
    slots.first_free = found.next;
    uses++;
    return result;
  }

  // `block` must be a slot that is handed out, `offset` bytes into the span.
  template <Checks checks>
  void push(void* block, size_t offset) noexcept {
    link<checks, Least::four_bytes>(block, offset);
    uses--;
  }

  // The same, where that is all that is to be done: the span is not full, nor does it become empty.
  // The current one is no special case: which kind it is would be hard for the processor to guess.
  // And if `block`, surely `offset` bytes into whatever run this is, is seen at a glance to be a
  // slot that was handed out and not released since. Quick::last_use: nothing has happened but that
  // it is no longer counted.
  enum class Quick : uint8_t { done, refused, last_use };
  template <Checks checks>
  [[gnu::always_inline]] Quick push_quickly(void* block, size_t offset) noexcept {
    if (checks != Checks::off && !is_near_larger_slot(offset)) [[unlikely]]
      return Quick::refused;
    if (static_cast<SlotOffset>(offset / 4) >= quick_below) [[unlikely]]
      return Quick::refused;
    if (checks != Checks::off && has_mark(block, offset)) [[unlikely]]
      return Quick::refused;
    if (--uses == 0) [[unlikely]]
      return Quick::last_use;
    link<checks, checks == Checks::off ? Least::four_bytes : Least::eight_bytes>(block, offset);
    return Quick::done;
  }
  // Of these two, what a live block is concerned about does not change, so neither needs the heap's
  // lock.

  // Whether `block`, surely `offset` bytes into whatever run this is, is a slot of 8 bytes or more
  // that was handed out and, to all appearances, not freed since. False may be a false alarm, which
  // is_in_use() settles.
  bool may_be_in_use(const void* block, size_t offset) const noexcept {
    return is_at_larger_slot(offset) && is_handed_out(offset) && !has_mark(block, offset);
  }

  // Whether it is a span of slots of 8 bytes or more.
  bool has_larger_slots() const noexcept { return reciprocal != 0; }

  // The same as may_be_in_use() for certain, of slots of any size; see the top of this file for
  // what that means. Constant time.
  bool is_in_use(const void* block, size_t offset) const noexcept {
    return is_carved(offset) && block == base + offset && !is_free(block, offset);
  }

  // Whether slots of 8 bytes or more begin so many bytes into the span.
  bool may_begin_slot(size_t offset) const noexcept { return is_at_larger_slot(offset); }

  // As become_span() makes them.
  bool has_secret() const noexcept { return (secret & in_each_secret) == in_each_secret; }

  // Whether the link in the slot is that of a free one.
  bool looks_free(const void* block, size_t offset) const noexcept {
    return is_link(static_cast<SlotOffset>(offset / 4), load_link(block));
  }

  // ---- Slots that lie in caches: no lock needed but for take() and may_leave_cache() ----

  // Gives a slot that lies `offset` bytes into the span its mark; one of 4 bytes a link.
  template <Least least = Least::four_bytes>
  void mark_as_cached(void* slot, size_t offset) const noexcept {
    const SlotOffset at = static_cast<SlotOffset>(offset / 4);
    if (least != Least::four_bytes || size_class != 0) {
      const uint32_t its_mark = mark(at);
      store(slot, ~its_mark);
      store(mark_of(slot), its_mark);
    } else {
      store_link(slot, {no_slot, tag(at, no_slot)});
    }
  }

  bool is_marked_as_cached(const void* block, size_t offset) const noexcept {
    const SlotOffset at = static_cast<SlotOffset>(offset / 4);
    if (slot_units > 1) return has_mark(block, offset) && load<uint32_t>(block) == ~mark(at);
    const Link found = load_link(block);
    return found.next == no_slot && is_link(at, found);
  }

  // Up to `most` slots, marked so: of those that were freed, or else of those that never were
  // handed out. Returns how many; none if the first one was overwritten, which is first in the list
  // still. For who takes slots from the span.
  template <Checks checks>
  size_t take(void** out, size_t most) noexcept {
    size_t count = 0;
    const bool anew = !has_free();
    while (count < most && (anew ? has_fresh() : has_free())) {
      void* const taken = anew ? carve<checks>() : pop<checks>();
      if (taken == nullptr) break;
      if constexpr (checks != Checks::off) mark_as_cached(taken, bytes_from(base, taken));
      out[count++] = taken;
    }
    return count;
  }

  // Whether the heap may take it back. Not if it was never handed out, or has been written to since
  // mark_as_cached(); nor if it has come back already, so far as that can be seen of 4 bytes.
  bool may_leave_cache(const void* block, size_t offset) const noexcept {
    if (!is_carved(offset) || !is_marked_as_cached(block, offset)) return false;
    return slot_units > 1 || !is_among_recent(static_cast<SlotOffset>(offset / 4));
  }

  // False: the slot, of 8 bytes or more or of four, has been written to since mark_as_cached().
  // Else it bears no mark any more.
  [[gnu::always_inline]] static bool unmark(void* slot) noexcept {
    if (~load<uint32_t>(slot) != load<uint32_t>(mark_of(slot))) [[unlikely]]
      return false;
    store(slot, uint64_t{0});
    return true;
  }
  static bool unmark_least(void* slot) noexcept {
    if (load_link(slot).next != no_slot) return false;
    store(slot, uint32_t{0});
    return true;
  }

  // ---- Spans that caches own: of slots of 8 bytes or more ----

  // What a cache owns, it alone takes slots from and puts slots into, without the heap's lock: as
  // if it were the current span of a bin. Others put theirs into a list beside, under the lock. The
  // kind changes under the lock only, and the owner by itself, or while the span is on its way.

  void become_owned() noexcept {
    set_kind(Kind::owned);
    take_quickly();
    returned = {no_slot, no_slot, 0};
    uses++;
  }

  void set_owner(uint8_t number) noexcept { store_relaxed(&owner, number); }
  // For the cache of that number, whose answer nobody else can change.
  bool is_owned_by(uint8_t number) const noexcept { return load_relaxed(&owner) == number; }

  // Bytes of the slots that can be taken and were handed out before.
  size_t free_bytes() const noexcept {
    return size_t{slots.fresh} * 4 - (size_t{uses} - 1) * slot_bytes();
  }

  // With the heap's lock: by others than the owner; and by the owner, who has them all then.
  template <Checks checks>
  void push_returned(void* block, size_t offset) noexcept {
    const SlotOffset at = static_cast<SlotOffset>(offset / 4);
    write_link<checks, Least::eight_bytes>(block, at, returned.first);
    if (returned.count++ == 0) returned.last = at;
    returned.first = at;
  }
  template <Checks checks>
  void take_returned() noexcept {
    if (returned.count == 0) return;
    redirect<checks>(slot(returned.last), no_slot, slots.first_free);
    slots.first_free = returned.first;
    uses = static_cast<uint16_t>(uses - returned.count);
    returned = {no_slot, no_slot, 0};
  }

  // How many slots back a double free of a 4-byte slot is recognised.
  static constexpr unsigned recent = 16;

  // For inspection: the slot behind a free one in the list, and whether its link is whole.
  SlotOffset next_free(SlotOffset at) const noexcept { return load_link(slot(at)).next; }
  bool has_right_link(SlotOffset at) const noexcept { return is_link(at, load_link(slot(at))); }

 private:
  // Each half more than any offset: neither a link nor a mark is ever zero.
  static constexpr uint32_t in_each_secret = 0x80008000;

  // As `previous`: of live large blocks, and of nothing else.
  static Span* mark_of_live() noexcept { return reinterpret_cast<Span*>(uintptr_t{1}); }

  // Puts a slot first in the list.
  template <Checks checks, Least least>
  void link(void* block, size_t offset) noexcept {
    const SlotOffset at = static_cast<SlotOffset>(offset / 4);
    write_link<checks, least>(block, at, slots.first_free);
    slots.first_free = at;
  }

  // Makes the slot, which is at `at`, one before that at `next_slot` in a list.
  template <Checks checks, Least least>
  void write_link(void* block, SlotOffset at, SlotOffset next_slot) noexcept {
    if constexpr (checks == Checks::off) {
      store(block, next_slot);
    } else {
      const uint32_t its_mark = mark(at);
      store_link(block, {next_slot, static_cast<uint16_t>(its_mark ^ next_slot)});
      if (least != Least::four_bytes || slot_units > 1) store(mark_of(block), its_mark);
    }
  }

  // Changes where a link leads, and nothing of whether it is whole.
  template <Checks checks>
  static void redirect(void* block, SlotOffset from, SlotOffset to) noexcept {
    const Link found = load_link(block);
    const SlotOffset difference = from ^ to;
    store(block, static_cast<SlotOffset>(found.next ^ difference));
    if constexpr (checks != Checks::off) {
      store(static_cast<char*>(block) + 2, static_cast<uint16_t>(found.tag ^ difference));
    }
  }

  // Whether a slot begins there that has been handed out at least once.
  bool is_carved(size_t offset) const noexcept {
    const bool at_slot = slot_units == 1 ? offset % 4 == 0 : is_at_larger_slot(offset);
    return at_slot && is_handed_out(offset);
  }
  // Of 8 bytes or more. False if this is no span.
  [[gnu::always_inline]] bool is_at_larger_slot(size_t offset) const noexcept {
    return integer_cast<uint32_t>(offset) * reciprocal < reciprocal;
  }
  // The same, of a span with such slots: products of its reciprocal with multiples of the size are
  // less than `span_size`, and others are not less than the reciprocal, which is at least 2^16.
  [[gnu::always_inline]] bool is_near_larger_slot(size_t offset) const noexcept {
    return integer_cast<uint32_t>(offset) * reciprocal < 0x10000;
  }
  [[gnu::always_inline]] bool is_handed_out(size_t offset) const noexcept {
    return static_cast<SlotOffset>(offset / 4) < load_in_place(&slots.fresh);
  }

  // Of a slot: whether it bears what only free ones bear.
  bool is_free(const void* block, size_t offset) const noexcept {
    const SlotOffset at = static_cast<SlotOffset>(offset / 4);
    if (slot_units == 1) return is_link(at, load_link(block)) && is_among_recent(at);
    return has_mark(block, offset) &&
           (is_link(at, load_link(block)) || load<uint32_t>(block) == ~mark(at));
  }

  [[gnu::cold, gnu::noinline]] bool is_among_recent(SlotOffset at) const noexcept {
    SlotOffset candidate = slots.first_free;
    for (unsigned i = 0; i < recent && candidate < end; i++) {
      if (candidate == at) return true;
      candidate = next_free(candidate);
    }
    return false;
  }

  uint32_t mark(size_t at) const noexcept { return integer_cast<uint32_t>(at) ^ secret; }
  bool has_mark(const void* block, size_t offset) const noexcept {
    return load<uint32_t>(mark_of(block)) == mark(static_cast<SlotOffset>(offset / 4));
  }

  uint16_t tag(size_t at, SlotOffset next_slot) const noexcept {
    return static_cast<uint16_t>(mark(at) ^ next_slot);
  }

  // False for zeroes: the secret is larger than any offset.
  bool is_link(size_t at, Link found) const noexcept { return found.tag == tag(at, found.next); }

  static void* mark_of(void* block) noexcept { return static_cast<char*>(block) + 4; }
  static const void* mark_of(const void* block) noexcept {
    return static_cast<const char*>(block) + 4;
  }

  template <Least least>
  void erase_link(void* slot) const noexcept {
    if (least != Least::four_bytes || slot_units > 1) {
      store(slot, uint64_t{0});
    } else {
      store(slot, uint32_t{0});
    }
  }

  // Each field on its own, see Link.
  static Link load_link(const void* p) noexcept {
    return {load<SlotOffset>(p), load<uint16_t>(static_cast<const char*>(p) + 2)};
  }
  static void store_link(void* p, Link link) noexcept {
    store(p, link.next);
    store(static_cast<char*>(p) + 2, link.tag);
  }

  // Of slots, and parts of them: said to be aligned, or a processor that must not load across a
  // boundary would go byte by byte.
  template <class T>
  static constexpr size_t alignment_in_slot = sizeof(T) < 4 ? sizeof(T) : 4;

  template <class T>
  static T load(const void* p) noexcept {
    T value;
    __builtin_memcpy(&value, __builtin_assume_aligned(p, alignment_in_slot<T>), sizeof value);
    return value;
  }

  template <class T>
  static void store(void* p, T value) noexcept {
    __builtin_memcpy(__builtin_assume_aligned(p, alignment_in_slot<T>), &value, sizeof value);
  }
};

static_assert(sizeof(Span) <= 64, "a descriptor is at most a cache line");

}  // namespace rsb
