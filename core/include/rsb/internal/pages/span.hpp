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
// slot's own offset, the next offset and the span's secret. Where the slot has 8 bytes or more, the
// next four hold a *mark*, a hash of the link. A wrong tag when a slot is taken is a write after
// free. A right tag when a slot comes back is suspicious, and a right mark behind it is proof of a
// double free: the odds that a program wrote just these bits are 1 in 2^48. A 4-byte slot has no
// room for a mark; there the most recently freed slots are compared instead. Link and mark are
// erased whenever a slot is handed out, and zeroes are never a right link, so nothing that an
// earlier life left behind counts.
//
// A free slot that lies in a cache (cache.hpp) counts as handed out. It bears the link of a last
// free slot meanwhile, so that all of this holds for it too, and a mark that only such slots have:
// whether the two belong together can be said without the span.
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
  Kind kind = Kind::none;
  SizeClass size_class = 0;
  uint8_t border = border_none;

  // Spans.
  SlotOffset first_free = no_slot;
  SlotOffset fresh = 0;  // slots from here to `end` were never handed out
  SlotOffset end = 0;
  union {
    uint16_t uses = 0;  // spans: slots handed out, and one more for the current span of a bin
    uint16_t list;      // free runs: which list of RunLists the run is in
  };
  uint16_t slot_units = 0;
  uint16_t secret = 0;
  union {
    uint32_t reciprocal = 0;  // spans: see SlotLayout
    uint32_t pages;           // other runs: their length
  };
  // Free runs: about how many of the pages may hold other than the source's zeroes; 0 if none do.
  uint32_t dirty = 0;

  char* base = nullptr;  // of the run

  // Free runs: neighbours in the list of their size. Spans: neighbours in their bin. Tails and
  // free_last: the descriptor of the first page.
  Span* next = nullptr;
  Span* previous = nullptr;

  // border_begin: the list of acquisitions.
  Span* next_acquisition = nullptr;
  Span* previous_acquisition = nullptr;

  void become_span(SizeClass c, const SlotLayout& layout, uint32_t random) noexcept {
    size_class = c;
    first_free = no_slot;
    fresh = 0;
    slot_units = layout.units;
    end = layout.end;
    uses = 0;
    reciprocal = layout.reciprocal;
    secret = static_cast<uint16_t>(random | 0x8000u);  // more than any offset: see is_link()
  }

  // Who holds the heap's lock may read `kind` as it is; see kind_without_lock().
  void set_kind(Kind k) noexcept { store_relaxed(&kind, k); }
  // For those who know a live block of the run: a span of theirs remains a span.
  Kind kind_without_lock() const noexcept { return load_relaxed(&kind); }

  static bool is_span(Kind kind) noexcept { return kind >= Kind::current && kind <= Kind::full; }
  bool is_span() const noexcept { return is_span(kind); }
  size_t live() const noexcept { return size_t{uses} - (kind == Kind::current); }
  // Neither becomes empty, nor was full: nothing is to be done but to push. The current span is
  // no special case: which kind it is would be hard for the processor to guess.
  bool stays_when_freed() const noexcept { return kind <= Kind::span && uses > 1; }
  bool has_free() const noexcept { return first_free < end; }
  bool has_fresh() const noexcept { return fresh < end; }
  bool has_slot() const noexcept { return has_free() || has_fresh(); }
  char* slot(SlotOffset at) const noexcept { return base + size_t{at} * 4; }
  size_t slot_bytes() const noexcept { return size_t{slot_units} * 4; }

  // has_fresh() must hold.
  template <Checks checks>
  void* carve() noexcept {
    char* const result = slot(fresh);
    if constexpr (checks != Checks::off) erase_link(result);
    store_relaxed(&fresh, static_cast<SlotOffset>(fresh + slot_units));
    uses++;
    return result;
  }

  // has_free() must hold. Null: the link in the slot was overwritten, and nothing has changed.
  template <Checks checks>
  void* pop() noexcept {
    const SlotOffset at = first_free;
    char* const result = slot(at);
    const Link found = load_link(result);
    if constexpr (checks != Checks::off) {
      if (!is_link(at, found)) [[unlikely]]
        return nullptr;
      erase_link(result);
    }
    first_free = found.next;
    uses++;
    return result;
  }

  // `block` must be a slot that is handed out, `offset` bytes into the span.
  template <Checks checks>
  void push(void* block, size_t offset) noexcept {
    const SlotOffset at = static_cast<SlotOffset>(offset / 4);
    if constexpr (checks == Checks::off) {
      store(block, first_free);
    } else {
      const Link link{first_free, tag(at, first_free)};
      store_link(block, link);
      if (slot_units > 1) store(mark_of(block), mark(link));
    }
    first_free = at;
    uses--;
  }

  // Whether `block`, surely `offset` bytes into the span, is a slot that was handed out and, to all
  // appearances, not freed since. False may be a false alarm, which is_in_use() settles.
  bool may_be_in_use(const void* block, size_t offset) const noexcept {
    return is_carved(offset) && !is_link(static_cast<SlotOffset>(offset / 4), load_link(block));
  }

  // The same for certain; see the top of this file for what that means. Constant time.
  bool is_in_use(const void* block, size_t offset) const noexcept {
    return is_carved(offset) && block == base + offset && !is_free(block, offset);
  }

  // As is_in_use(), but without the heap's lock.
  bool may_be_slot(const void* block, size_t offset) const noexcept {
    return is_carved_without_lock(offset) && block == base + offset && !is_free(block, offset);
  }

  // As may_be_in_use(), but without the heap's lock.
  bool seems_slot(const void* block, size_t offset) const noexcept {
    return is_carved_without_lock(offset) && !looks_free(block, offset);
  }

  // Whether the link in the slot is that of a free one.
  bool looks_free(const void* block, size_t offset) const noexcept {
    return is_link(static_cast<SlotOffset>(offset / 4), load_link(block));
  }

  // ---- Slots that lie in caches: no lock needed but for may_leave_cache() ----

  // Gives a slot that lies `offset` bytes into the span its link, and the mark where there is room.
  void mark_as_cached(void* slot, size_t offset) const noexcept {
    const Link link{no_slot, tag(static_cast<SlotOffset>(offset / 4), no_slot)};
    if (size_class != 0) {
      store(slot, with_cached_mark(link));
    } else {
      store_link(slot, link);
    }
  }

  bool is_marked_as_cached(const void* block, size_t offset) const noexcept {
    const Link found = load_link(block);
    if (found.next != no_slot || !is_link(static_cast<SlotOffset>(offset / 4), found)) return false;
    return slot_units == 1 || load<uint32_t>(mark_of(block)) == cached_mark(found);
  }

  // Whether the heap may take it back. Not if it was never handed out, or has been written to since
  // mark_as_cached(); nor if it has come back already, so far as that can be seen of 4 bytes.
  bool may_leave_cache(const void* block, size_t offset) const noexcept {
    if (!is_carved(offset) || !is_marked_as_cached(block, offset)) return false;
    return slot_units > 1 || !is_among_recent(static_cast<SlotOffset>(offset / 4));
  }

  // False: the slot, of 8 bytes or more or of four, has been written to since mark_as_cached().
  // Else it bears no link any more.
  [[gnu::always_inline]] static bool unmark(void* slot) noexcept {
    const uint64_t found = load<uint64_t>(slot);
    const uint32_t link = little_endian ? static_cast<uint32_t>(found) : link_in(found);
    const uint32_t its_mark = static_cast<uint32_t>(little_endian ? found >> 32 : found);
    if (~hash(link) != its_mark) [[unlikely]]
      return false;
    store(slot, uint64_t{0});
    return true;
  }
  static bool unmark_least(void* slot) noexcept {
    if (load_link(slot).next != no_slot) return false;
    store(slot, uint32_t{0});
    return true;
  }

  // How many slots back a double free of a 4-byte slot is recognised.
  static constexpr unsigned recent = 16;

  // For inspection: the slot behind a free one in the list, and whether its link is whole.
  SlotOffset next_free(SlotOffset at) const noexcept { return load_link(slot(at)).next; }
  bool has_right_link(SlotOffset at) const noexcept { return is_link(at, load_link(slot(at))); }

 private:
  // Whether a slot that has been handed out at least once begins there. Who has been handed it sees
  // it so without the lock, too.
  bool is_carved(size_t offset) const noexcept { return is_slot_below(fresh, offset); }
  bool is_carved_without_lock(size_t offset) const noexcept {
    return is_slot_below(load_relaxed(&fresh), offset);
  }
  [[gnu::always_inline]] bool is_slot_below(SlotOffset limit, size_t offset) const noexcept {
    const bool at_slot = integer_cast<uint32_t>(offset) * reciprocal < reciprocal;
    return at_slot && offset / 4 < limit;
  }

  // Of a slot: whether it bears a link, and the mark that goes with it.
  bool is_free(const void* block, size_t offset) const noexcept {
    const SlotOffset at = static_cast<SlotOffset>(offset / 4);
    const Link found = load_link(block);
    if (!is_link(at, found)) return false;
    if (slot_units == 1) return is_among_recent(at);
    const uint32_t its_mark = load<uint32_t>(mark_of(block));
    return its_mark == mark(found) || its_mark == cached_mark(found);
  }

  [[gnu::cold, gnu::noinline]] bool is_among_recent(SlotOffset at) const noexcept {
    SlotOffset candidate = first_free;
    for (unsigned i = 0; i < recent && candidate < end; i++) {
      if (candidate == at) return true;
      candidate = next_free(candidate);
    }
    return false;
  }

  uint16_t tag(SlotOffset at, SlotOffset next_slot) const noexcept {
    return static_cast<uint16_t>((at ^ secret) ^ next_slot);
  }

  // False for zeroes: the secret is larger than any offset.
  bool is_link(SlotOffset at, Link found) const noexcept {
    return found.tag == tag(at, found.next);
  }

  static uint32_t mark(Link link) noexcept { return hash(uint32_t{link.tag} << 16 | link.next); }
  static uint32_t cached_mark(Link link) noexcept { return ~mark(link); }  // not 0 for zeroes
  static uint32_t hash(uint32_t link) noexcept {
    return link * 0x9e3779b1u;  // 2^32 / golden ratio
  }

  // Link and mark as one word: who reads it at once need not wait until two or three writes have
  // left the processor.
  static constexpr bool little_endian = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
  static uint64_t with_cached_mark(Link link) noexcept {
    const uint64_t its_mark = cached_mark(link);
    return little_endian ? its_mark << 32 | uint32_t{link.tag} << 16 | link.next
                         : uint64_t{link.next} << 48 | uint64_t{link.tag} << 32 | its_mark;
  }
  static uint32_t link_in(uint64_t word) noexcept {
    return static_cast<uint32_t>(word >> 48) | static_cast<uint32_t>(word >> 32) << 16;
  }

  static void* mark_of(void* block) noexcept { return static_cast<char*>(block) + 4; }
  static const void* mark_of(const void* block) noexcept {
    return static_cast<const char*>(block) + 4;
  }

  void erase_link(void* slot) const noexcept {
    if (slot_units > 1) {
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

  template <class T>
  static T load(const void* p) noexcept {
    T value;
    __builtin_memcpy(&value, p, sizeof value);
    return value;
  }

  template <class T>
  static void store(void* p, T value) noexcept {
    __builtin_memcpy(p, &value, sizeof value);
  }
};

static_assert(sizeof(Span) <= 64, "a descriptor is at most a cache line");

}  // namespace rsb
