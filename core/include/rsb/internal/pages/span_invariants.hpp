// SPDX-License-Identifier: MIT OR Apache-2.0
// What holds of the descriptor of every span, and can be seen of it alone. Each function returns
// null, or the sentence of an invariant that does not hold; in constant time, and it follows no
// pointer. With Checks::full heaps ask this whenever they touch a span; inspectors ask it of all.
//
// Room pages: for the rooms bins and caches, and for the heaps above them.
#pragma once

#include "rsb/internal/pages/span.hpp"

namespace rsb {

template <class Classes>
struct SpanInvariants {
  // Of what does not change while it is a span: for who has a live block of it, too.
  [[gnu::always_inline]] static const char* broken_shape(const Span& span) noexcept {
    if (span.size_class >= Classes::count) return "a span has a size class";
    const SlotLayout& layout = Classes::layout(span.size_class);
    if (span.slot_units != layout.units || span.end != layout.end ||
        span.reciprocal != layout.reciprocal) {
      return "a span's slots are as its class has them";
    }
    return span.has_secret() ? nullptr : "a span has a secret";
  }

  // Of what changes with each slot: for who may take slots from it. Its shape must be right, and
  // its kind be this one, which is a constant where that is known.
  [[gnu::always_inline]] static const char* broken_counts(const Span& span, Kind kind) noexcept {
    const uint32_t fresh = span.slots.fresh;
    const uint32_t first_free = span.slots.first_free;
    const bool is_least = span.slot_units == 1;
    const uint32_t used = span.taken(kind) * span.slot_units;
    if (fresh > span.end) return "no slot lies beyond the span";
    if (!is_least && !span.may_begin_slot(size_t{fresh} * 4))
      return "slots are cut one behind the other";
    if (first_free == no_slot) {
      if (used != fresh) return "used slots are counted";
    } else {
      if (first_free >= fresh || (!is_least && !span.may_begin_slot(size_t{first_free} * 4))) {
        return "a span's free list leads from slot to free slot";
      }
      if (used >= fresh)
        return "used slots are counted, and some are free";  // nor are fewer than 0
    }
    if (span.quick_below != (kind != Kind::full && !is_least ? fresh : 0)) {
      return "slots that may be released quickly are noted";
    }
    return nullptr;
  }

  // Of an owned span, what others than its owner see to.
  static const char* broken_returned(const Span& span) noexcept {
    const bool is_empty = span.returned.count == 0;
    return is_empty == (span.returned.first == no_slot) &&
                   is_empty == (span.returned.last == no_slot)
               ? nullptr
               : "slots that came back to an owned span are counted";
  }
};

}  // namespace rsb
