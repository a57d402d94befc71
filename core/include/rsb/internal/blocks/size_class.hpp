// SPDX-License-Identifier: MIT OR Apache-2.0
// Size classes: which slot sizes there are, and which one serves a request. All of it is computed
// at compile time from the options.
//
// 4, 8, 16, steps of 16 up to 128, then four steps a doubling up to the span, or to
// Options::largest_bin. Above 128 a class is
// the largest multiple of 16 of which as many fit into the span as of the step, so little or
// nothing is lost at the end of a span: a 16 KiB span holds five slots of 3,264, not of 3,072.
//
// Room blocks: for the rooms pages, bins, caches and small, and for the heaps above them.
#pragma once

#include "rsb/options.hpp"

namespace rsb {

using SizeClass = uint8_t;

// What the fast paths need to know of one class.
struct SlotLayout {
  uint32_t size = 0;   // bytes
  uint16_t units = 0;  // size / 4
  uint16_t end = 0;    // where the last slot of a span ends, in units of 4 bytes
  // offset * reciprocal, modulo 2^32, is below reciprocal if and only if offset is a multiple of
  // size (Lemire, Kaser, Kurz, "Faster remainder by direct computation", 2019). 0 for 4 bytes: who
  // multiplies by it is in a hurry, and those slots take longer.
  uint32_t reciprocal = 0;
  uint32_t alignment = 0;  // bytes: the largest power of two that every slot is aligned to

  constexpr size_t count() const { return end / units; }  // slots in a span
};

template <Options options>
class SizeClasses {
 public:
  static constexpr size_t span = options.span_size;

 private:
  static constexpr size_t most_bytes = options.largest_bin != 0 ? options.largest_bin : span;
  static constexpr size_t most = 48;

  static_assert(span <= 64 * KiB, "the divisibility test needs offset * size to fit 32 bits");

  struct Table {
    SlotLayout layout[most];
    size_t count = 0;

    constexpr void add(size_t size) {
      if (size > most_bytes || (count != 0 && layout[count - 1].size == size)) return;
      SlotLayout& l = layout[count++];
      l.size = integer_cast<uint32_t>(size);
      l.units = static_cast<uint16_t>(size / 4);
      l.end = static_cast<uint16_t>(span / size * l.units);
      const uint64_t reciprocal = (uint64_t{1} << 32) / size + ((size & (size - 1)) != 0);
      l.reciprocal = size > 4 ? static_cast<uint32_t>(reciprocal) : 0;
      l.alignment = integer_cast<uint32_t>(smaller(size & (~size + 1), options.page_size));
    }
  };

  static constexpr Table make() {
    Table t;
    t.add(4);
    t.add(8);
    for (size_t size = 16; size <= smaller(128, span); size += 16) t.add(size);
    for (size_t octave = 128; octave < span; octave *= 2) {
      for (size_t step = 1; step <= 4; step++) {
        const size_t slots = span / (octave + step * octave / 4);
        t.add(span / slots / 16 * 16);
      }
    }
    return t;
  }

  static constexpr Table table = make();

 public:
  static constexpr size_t count = table.count;
  static constexpr size_t largest = table.layout[count - 1].size;

  static constexpr const SlotLayout& layout(SizeClass c) { return table.layout[c]; }

  // The alignment of malloc(size).
  static constexpr size_t alignment_of(size_t size) {
    return larger(size < 16 ? sizeof(void*) : 16, options.least_alignment);
  }

  // The class that serves malloc(size). size must be at most `largest`. One load.
  static constexpr SizeClass of(size_t size) {
    const size_t i = (size + granule - 1) / granule;
    if constexpr (options.least_alignment == 0) {
      return stated.at[i];
    } else {
      return unstated.at[i];
    }
  }

  // The class that serves a request whose alignment (a power of two, or 0) is known; `none` if
  // only whole pages do. At most seven steps, and none for alignments up to 16.
  static constexpr SizeClass of(size_t size, size_t alignment) {
    if (size <= 4 && alignment <= 4) return 0;
    size = larger(size, alignment);
    if (size > largest) return none;
    SizeClass c = stated.at[(size + granule - 1) / granule];
    while (layout(c).alignment < alignment) {
      if (++c == count) return none;
    }
    return c;
  }

  static constexpr SizeClass none = 0xff;

 private:
  // Finer than the classes, so that 17 bytes and 16 bytes differ by an index.
  static constexpr size_t granule = sizeof(void*);

  struct Lookup {
    SizeClass at[largest / granule + 1] = {};
  };

  static constexpr Lookup make_lookup(size_t least_alignment) {
    Lookup l;
    SizeClass fits = 0;
    for (size_t i = 0; i <= largest / granule; i++) {
      const size_t size = larger(i * granule, granule);
      while (layout(fits).size < size) fits++;
      SizeClass c = fits;
      while (layout(c).alignment < least_alignment && c + 1u < count) c++;
      l.at[i] = c;
    }
    return l;
  }

  // For requests that state an alignment, and for those that do not.
  static constexpr Lookup stated = make_lookup(0);
  static constexpr Lookup unstated = make_lookup(options.least_alignment);

  static constexpr bool classes_hold() {
    for (size_t c = 0; c < count; c++) {
      const SlotLayout& l = layout(static_cast<SizeClass>(c));
      if (c > 0 && l.size <= layout(static_cast<SizeClass>(c - 1)).size) return false;
      if (l.size >= 16 && l.size % 16 != 0) return false;
      if (l.end == 0 || size_t{l.end} * 4 > span) return false;
      // No slot lost at the end; below 128 a remainder is the price of the step of 16.
      if (l.size > 128 && span - size_t{l.end} * 4 >= l.size) return false;
    }
    return true;
  }

  static_assert(layout(count - 1).alignment >= options.least_alignment,
                "Options::least_alignment must be that of the largest bin, or less");
  static_assert(count < most, "Options::span_size makes too many size classes");
  static_assert(classes_hold(),
                "size classes ascend, are multiples of 16 from 16 and fill the span");
  static_assert(options.largest_bin != 0 || largest == span, "the largest bin is the span");
};

}  // namespace rsb
