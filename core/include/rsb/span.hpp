// The descriptor of a run of pages, and the free list of a span.
//
// Every page has a descriptor in the page map; the one of a run's first page describes the run (and,
// for free runs, that of its last page says where the run begins). It is never inside the pages.
//
// Theory of operation of a span: slots start at offset 0, one behind the other. Those from `fresh` on
// have never been handed out. A free slot holds in its first four bytes a *link*: the offset of
// the next free slot (16 bits, in units of 4 bytes) and a tag (16 bits) made from the slot's own
// offset, the next offset and the span's secret; the tag is odd, so zeroes are never a link. Where the
// slot has 8 bytes or more, the next four hold a *mark*, 32 further bits of the same hash. A wrong tag
// when a slot is taken is a write after free. A right tag when a slot comes back is suspicious, and
// a right mark behind it is proof of a double free: the odds of 1 in 2^48 are against it otherwise.
// A 4-byte slot has no room for a mark; there the most recently freed slots are compared instead.
// Both are erased when the slot is handed out. The secret is new each time the pages become a span, so
// that what an earlier life left behind is no link.
#pragma once

#include "rsb/options.hpp"
#include "rsb/size_class.hpp"

namespace rsb {

// What a run of pages is used for. `none` must be 0: the descriptor of memory never seen.
enum class Kind : uint8_t {
  none,       // not ours, or a page inside a run
  free,       // first page of a free run
  free_last,  // last page of a free run of two pages or more
  pages,      // handed out by the page-only allocator, or in transit
  large,      // one block of whole pages
  span,       // slots of one class; some may be free
  full,       // a span without free slot, in nobody's list
  tail,       // a page of a span other than its first
};

// Where the run lies in what was acquired at a time: neighbours beyond are not ours to merge with.
enum Border : uint8_t {
  border_none = 0,
  border_begin = 1,  // first page of an acquisition
  border_end = 2,    // last page of an acquisition
  border_given = 4,  // with begin: a region handed over by address, never released
};

// Offset of a slot in its span, in units of 4 bytes.
using SlotOffset = uint16_t;
inline constexpr SlotOffset no_slot = 0xffff;

struct alignas(sizeof(void*) == 8 ? 64 : 8) Span {
  Kind kind = Kind::none;
  SizeClass size_class = 0;
  uint8_t border = border_none;

  // Kind::span and Kind::full.
  SlotOffset first_free = no_slot;
  SlotOffset fresh = 0;  // slots from here to `end` were never handed out
  SlotOffset end = 0;
  uint16_t used = 0;  // slots handed out
  uint16_t slot_units = 0;
  union {
    uint32_t reciprocal = 0;  // spans
    uint32_t pages;           // other runs, and free_last: length of the run
  };
  union {
    uint32_t secret = 0;  // spans
    uint32_t dirty;       // free runs: how many pages may hold other than the source's zeroes
  };

  char* base = nullptr;  // of the run

  // Free runs: neighbours in the list of their size. Spans: neighbours in their bin. Tails: the
  // descriptor of the span's first page.
  Span* next = nullptr;
  Span* previous = nullptr;

  // border_begin: the list of acquisitions.
  Span* next_acquisition = nullptr;
  Span* previous_acquisition = nullptr;

  void become_span(SizeClass c, const SlotLayout& layout, uint32_t new_secret) noexcept {
    kind = Kind::span;
    size_class = c;
    first_free = no_slot;
    fresh = 0;
    slot_units = static_cast<uint16_t>(layout.size / 4);
    end = static_cast<SlotOffset>(layout.count * slot_units);
    used = 0;
    reciprocal = layout.reciprocal;
    secret = new_secret;
  }

  bool has_free() const noexcept { return first_free < end; }
  bool has_fresh() const noexcept { return fresh < end; }
  char* slot(SlotOffset at) const noexcept { return base + size_t{at} * 4; }
  size_t slot_bytes() const noexcept { return size_t{slot_units} * 4; }

  // has_fresh() must hold. The slot is not touched.
  void* carve() noexcept {
    char* const result = slot(fresh);
    fresh = static_cast<SlotOffset>(fresh + slot_units);
    used++;
    return result;
  }

  // has_free() must hold. Null: the link in the slot was overwritten, and nothing has changed.
  template <Checks checks>
  void* pop() noexcept {
    const SlotOffset at = first_free;
    char* const result = slot(at);
    const uint32_t found = load(result);
    const SlotOffset next_free = static_cast<SlotOffset>(found);
    if constexpr (checks != Checks::off) {
      if (found != link(hash(at, next_free), next_free)) [[unlikely]] return nullptr;
      store(result, 0);
    }
    first_free = next_free;
    used++;
    return result;
  }

  // `at` must be a slot that is handed out.
  template <Checks checks>
  void push(SlotOffset at) noexcept {
    char* const freed = slot(at);
    const uint32_t h = checks == Checks::off ? 0 : hash(at, first_free);
    store(freed, checks == Checks::off ? first_free : link(h, first_free));
    if constexpr (checks != Checks::off) {
      if (slot_units > 1) store(freed + 4, ~h);
    }
    first_free = at;
    used--;
  }

  // Whether the slot at `at` is in the free list already. Constant time; see the top of this file.
  bool is_free(SlotOffset at) const noexcept {
    const uint32_t found = load(slot(at));
    const SlotOffset next_free = static_cast<SlotOffset>(found);
    const uint32_t h = hash(at, next_free);
    if (found != link(h, next_free)) [[likely]] return false;
    if (slot_units > 1) return load(slot(at) + 4) == ~h;
    return is_among_recent(at);
  }

  // How many slots back a double free of a 4-byte slot is recognised.
  static constexpr unsigned recent = 16;

  // For inspection: the slot behind a free one in the list, and whether its link is whole.
  SlotOffset next_free(SlotOffset at) const noexcept {
    return static_cast<SlotOffset>(load(slot(at)));
  }
  bool has_right_link(SlotOffset at) const noexcept {
    return load(slot(at)) == link(hash(at, next_free(at)), next_free(at));
  }

 private:
  [[gnu::cold, gnu::noinline]] bool is_among_recent(SlotOffset at) const noexcept {
    SlotOffset candidate = first_free;
    for (unsigned i = 0; i < recent && candidate < end; i++) {
      if (candidate == at) return true;
      candidate = static_cast<SlotOffset>(load(slot(candidate)));
    }
    return false;
  }

  uint32_t hash(SlotOffset at, SlotOffset next_free) const noexcept {
    return ((uint32_t{at} << 16 | next_free) ^ secret) * 0x9e3779b1u;  // 2^32 / golden ratio
  }

  static uint32_t link(uint32_t h, SlotOffset next_free) noexcept {
    return (h & 0xffff0000u) | 0x10000u | next_free;
  }

  static uint32_t load(const char* p) noexcept {
    uint32_t value;
    __builtin_memcpy(&value, p, sizeof value);
    return value;
  }

  static void store(char* p, uint32_t value) noexcept { __builtin_memcpy(p, &value, sizeof value); }
};

static_assert(sizeof(Span) <= 64, "a descriptor is at most a cache line");

}  // namespace rsb
