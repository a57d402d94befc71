// Free runs of pages by length: lists with a bitmap on top, so that a run that is long enough is
// found in constant time. The scheme is that of TLSF (Masmano, Ripoll, Crespo, Real, "TLSF: a new
// dynamic memory allocator for real-time systems", 2004), counted in pages instead of bytes.
#pragma once

#include "rsb/options.hpp"
#include "rsb/span.hpp"

namespace rsb {

// Lengths below 8 have a list each; above, every doubling is divided into 8 lists. Not
// synchronised.
template <unsigned page_number_bits>
class RunLists {
  static constexpr unsigned step_bits = 3;
  static constexpr unsigned steps = 1u << step_bits;
  static constexpr unsigned length_bits = page_number_bits < 32 ? page_number_bits : 32;
  static constexpr unsigned lists = length_bits > step_bits ? (length_bits - step_bits + 1) * steps
                                                            : steps;

 public:
  constexpr RunLists() noexcept = default;

  // Runs that hold other than the source's zeroes go to the front, where they are taken first:
  // their memory is in use already.
  void insert(Span* run) noexcept {
    const unsigned list = list_of(run->pages);
    run->list = static_cast<uint16_t>(list);
    Span* const head = heads_[list];
    if (head == nullptr) {
      used_[list / word_bits] |= uintptr_t{1} << (list % word_bits);
      run->next = run->previous = run;
      heads_[list] = run;
      return;
    }
    // A ring: before the head is the end.
    run->next = head;
    run->previous = head->previous;
    head->previous->next = run;
    head->previous = run;
    if (run->dirty != 0) heads_[list] = run;
  }

  void remove(Span* run) noexcept {
    const unsigned list = run->list;
    if (run->next == run) {
      heads_[list] = nullptr;
      used_[list / word_bits] &= ~(uintptr_t{1} << (list % word_bits));
      return;
    }
    run->next->previous = run->previous;
    run->previous->next = run->next;
    if (heads_[list] == run) heads_[list] = run->next;
  }

  // A run of at least `pages` pages, still in its list; null if there is none (or, for the sake of
  // constant time, only one in the middle of the list of lengths in which `pages` itself lies).
  Span* find(size_t pages) const noexcept {
    if (pages >> (length_bits - 1) > 1) return nullptr;  // more than there are addresses
    const unsigned own = list_of(pages);
    Span* const first = heads_[own];
    if (first != nullptr && first->pages >= pages) return first;
    // Any run in a later list is long enough.
    unsigned word = (own + 1) / word_bits;
    if (word >= words) return nullptr;
    uintptr_t later = used_[word] & (~uintptr_t{0} << ((own + 1) % word_bits));
    while (later == 0) {
      if (++word == words) return nullptr;
      later = used_[word];
    }
    return heads_[word * word_bits + lowest_bit(later)];
  }

  // A run with dirty pages; null if there is none. Linear in the number of lists.
  Span* find_dirty() const noexcept {
    for (Span* head : heads_) {
      if (head != nullptr && head->dirty != 0) return head;
    }
    return nullptr;
  }

  // Whether `run` is in the list where it belongs. Linear in the length of that list.
  bool contains(const Span* run) const noexcept {
    const Span* const head = heads_[list_of(run->pages)];
    const Span* s = head;
    while (s != nullptr && s != run) {
      s = s->next;
      if (s == head) return false;
    }
    return s == run;
  }

 private:
  static constexpr unsigned word_bits = sizeof(uintptr_t) * CHAR_BIT;
  static constexpr unsigned words = (lists + word_bits - 1) / word_bits;

  static unsigned list_of(size_t pages) noexcept {
    if (pages < steps) return static_cast<unsigned>(pages);
    const unsigned octave = floor_log2(pages);
    const unsigned step = static_cast<unsigned>(pages >> (octave - step_bits)) & (steps - 1);
    return (octave - step_bits + 1) * steps + step;
  }

  uintptr_t used_[words] = {};  // a bit for every list that is not empty
  Span* heads_[lists] = {};
};

}  // namespace rsb
