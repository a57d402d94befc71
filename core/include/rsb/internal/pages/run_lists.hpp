// SPDX-License-Identifier: MIT OR Apache-2.0
// Free runs of pages by length: lists with bitmaps on top, so that a run that is long enough is
// found in constant time. The scheme is that of TLSF (Masmano, Ripoll, Crespo, Real, "TLSF: a new
// dynamic memory allocator for real-time systems", 2004), counted in pages instead of bytes, and
// twice: runs that hold other than the source's zeroes have memory behind them already, so they are
// used up before any clean one is touched.
//
// Room pages: for the rooms bins and caches, and for the heaps above them.
#pragma once

#include "rsb/internal/pages/span.hpp"
#include "rsb/options.hpp"

namespace rsb {

// Lengths below 16 pages are a class each; above, every doubling is divided into 8.
inline constexpr unsigned run_step_bits = 3;

constexpr unsigned run_length_class(size_t pages) noexcept {
  const unsigned shift = floor_log2(pages | size_t{1} << run_step_bits) - run_step_bits;
  return (shift << run_step_bits) + integer_cast<unsigned>(pages >> shift);
}

// The shortest length of which all of its class are enough for `pages`.
constexpr size_t rounded_run(size_t pages) noexcept {
  const unsigned shift = floor_log2(pages | size_t{1} << run_step_bits) - run_step_bits;
  const size_t step = size_t{1} << shift;
  return (pages + step - 1) & ~(step - 1);
}

// The longest rounded length that is no more than `pages`.
constexpr size_t rounded_down_run(size_t pages) noexcept {
  const unsigned shift = floor_log2(pages | size_t{1} << run_step_bits) - run_step_bits;
  return pages >> shift << shift;
}

// A list for each class of lengths. Not synchronised.
template <unsigned page_number_bits>
class RunLists {
  static constexpr unsigned step_bits = run_step_bits;
  static constexpr unsigned length_bits = page_number_bits < 32 ? page_number_bits : 32;
  static constexpr unsigned word_bits = sizeof(uintptr_t) * __CHAR_BIT__;

  // Lists of the clean runs, whole words of them; then as many of the dirty ones.
  static constexpr unsigned lengths = length_bits > step_bits
                                          ? (length_bits - step_bits + 1) << step_bits
                                          : 1u << step_bits;
  static constexpr unsigned words = (lengths + word_bits - 1) / word_bits;
  static constexpr unsigned first_dirty = words * word_bits;
  static_assert(2 * words <= word_bits, "one word has a bit for every word of bits");

 public:
  constexpr RunLists() noexcept = default;

  void insert(Span* run) noexcept {
    const unsigned list = list_of(run);
    Span* const head = heads_[list];
    run->list = static_cast<uint16_t>(list);
    run->next = head;
    run->previous = nullptr;
    heads_[list] = run;
    if (head != nullptr) {
      head->previous = run;
    } else {
      used_[list / word_bits] |= bit(list % word_bits);
      used_words_ |= bit(list / word_bits);
    }
  }

  void remove(Span* run) noexcept {
    Span* const next = run->next;
    Span* const previous = run->previous;
    if (next != nullptr) next->previous = previous;
    if (previous != nullptr) {
      previous->next = next;
      return;
    }
    const unsigned list = run->list;
    heads_[list] = next;
    if (next != nullptr) return;
    uintptr_t& word = used_[list / word_bits];
    word &= ~bit(list % word_bits);
    if (word == 0) used_words_ &= ~bit(list / word_bits);
  }

  // A run of at least `pages` pages, still in its list; null if there is none (or, for the sake of
  // constant time, only one in the middle of the list of lengths in which `pages` itself lies).
  Span* find(size_t pages) const noexcept {
    if (pages >> (length_bits - 1) > 1) return nullptr;  // more than there are addresses
    const unsigned list = run_length_class(pages);
    if (used_words_ >> words != 0) {
      if (Span* const run = find_from(first_dirty + list, pages, used_words_)) return run;
    }
    return find_from(list, pages, used_words_ & (bit(words) - 1));
  }

  // A run with dirty pages, of the longest if there are any; null if there is none.
  Span* longest_dirty() const noexcept {
    const uintptr_t dirty_words = used_words_ >> words;
    if (dirty_words == 0) return nullptr;
    const unsigned word = words + floor_log2(dirty_words);
    return heads_[word * word_bits + floor_log2(used_[word])];
  }

  // The most pages for which find() returns a run; 0 if there are none.
  size_t most_pages() const noexcept {
    const uintptr_t clean_words = used_words_ & (bit(words) - 1);
    const Span* const dirty = longest_dirty();
    const size_t dirty_pages = dirty != nullptr ? dirty->pages : 0;
    if (clean_words == 0) return dirty_pages;
    const unsigned word = floor_log2(clean_words);
    return larger(dirty_pages, heads_[word * word_bits + floor_log2(used_[word])]->pages);
  }

  // Null, or an invariant that does not hold for where a run in a list is: asked before it is taken
  // out, else what its links lead to would be written to. Constant time.
  const char* broken_place(const Span* run) const noexcept {
    if (run->list != list_of(run)) return "a free run is in the list of its length";
    const Span* const before = run->previous != nullptr ? run->previous->next : heads_[run->list];
    const bool agree = before == run && (run->next == nullptr || run->next->previous == run);
    return agree ? nullptr : "the links of a list of free runs agree";
  }

  // Whether `run` is in the list where it belongs. Linear in the length of that list.
  bool contains(const Span* run) const noexcept {
    const Span* s = heads_[list_of(run)];
    while (s != nullptr && s != run) {
      if (s->next != nullptr && s->next->previous != s) return false;  // and perhaps no end
      s = s->next;
    }
    return s == run;
  }

 private:
  static unsigned list_of(const Span* run) noexcept {
    return run_length_class(run->pages) + (run->dirty != 0 ? first_dirty : 0);
  }

  static constexpr uintptr_t bit(unsigned i) { return uintptr_t{1} << i; }

  // `words_to_search` has no bit for words behind the set that the list belongs to.
  Span* find_from(unsigned list, size_t pages, uintptr_t words_to_search) const noexcept {
    Span* const first = heads_[list];
    if (first != nullptr && first->pages >= pages) return first;
    // Any run in a later list is long enough.
    unsigned word = list / word_bits;
    uintptr_t later = used_[word] & (~uintptr_t{1} << (list % word_bits));
    if (later == 0) {
      const uintptr_t later_words = words_to_search & (~uintptr_t{1} << word);
      if (later_words == 0) return nullptr;
      word = lowest_bit(later_words);
      later = used_[word];
    }
    return heads_[word * word_bits + lowest_bit(later)];
  }

  uintptr_t used_words_ = 0;        // a bit for every word below that is not zero
  uintptr_t used_[2 * words] = {};  // a bit for every list that is not empty
  Span* heads_[2 * first_dirty] = {};
};

}  // namespace rsb
