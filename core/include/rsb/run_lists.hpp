// Free runs of pages by length: lists with a two-level bitmap on top, so that a run that is long enough is
// found in constant time. The scheme is that of TLSF (Masmano, Ripoll, Crespo, Real, "TLSF: a new
// dynamic memory allocator for real-time systems", 2004), counted in pages instead of bytes.
#pragma once

#include "rsb/options.hpp"
#include "rsb/span.hpp"

namespace rsb {

// Lengths below 8 have a list each; above, every doubling is divided into 8 lists. Not synchronised.
template <unsigned page_number_bits>
class RunLists {
  static constexpr unsigned step_bits = 3;
  static constexpr unsigned steps = 1u << step_bits;
  static constexpr unsigned length_bits = page_number_bits < 32 ? page_number_bits : 32;
  static constexpr unsigned rows = length_bits > step_bits ? length_bits - step_bits + 1 : 1;

 public:
  constexpr RunLists() noexcept = default;

  // Runs that hold other than the source's zeroes go to the front, where they are taken first: their
  // memory is in use already.
  void insert(Span* run) noexcept {
    const unsigned list = list_of(run->pages);
    Span*& head = heads_[list];
    if (head == nullptr) {
      run->next = run->previous = run;
      head = run;
      rows_used_ |= uintptr_t{1} << (list / steps);
      lists_used_[list / steps] =
          static_cast<uint8_t>(lists_used_[list / steps] | 1u << (list % steps));
      return;
    }
    run->next = head;
    run->previous = head->previous;
    head->previous->next = run;
    head->previous = run;
    if (run->dirty != 0) head = run;
  }

  void remove(Span* run) noexcept {
    const unsigned list = list_of(run->pages);
    if (run->next == run) {
      heads_[list] = nullptr;
      lists_used_[list / steps] =
          static_cast<uint8_t>(lists_used_[list / steps] & ~(1u << (list % steps)));
      if (lists_used_[list / steps] == 0) rows_used_ &= ~(uintptr_t{1} << (list / steps));
      return;
    }
    run->next->previous = run->previous;
    run->previous->next = run->next;
    if (heads_[list] == run) heads_[list] = run->next;
  }

  // A run of at least `pages` pages, still in its list; null if there is none (or, for the sake of constant
  // time, only one in the middle of the list of lengths in which `pages` itself lies).
  Span* find(size_t pages) const noexcept {
    const unsigned own = list_of(pages);
    Span* const first = heads_[own];
    if (first != nullptr && first->pages >= pages) return first;
    // Any run in a later list is long enough.
    const unsigned list = own + 1;
    const unsigned row = list / steps;
    if (row >= rows) return nullptr;
    const unsigned here = lists_used_[row] & (~0u << (list % steps));
    if (here != 0) return heads_[row * steps + lowest_bit(here)];
    const uintptr_t later = row + 1 < rows ? rows_used_ & (~uintptr_t{0} << (row + 1)) : 0;
    if (later == 0) return nullptr;
    const unsigned next_row = lowest_bit(later);
    return heads_[next_row * steps + lowest_bit(lists_used_[next_row])];
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
    for (const Span* s = head; s != nullptr;) {
      if (s == run) return true;
      s = s->next;
      if (s == head) break;
    }
    return false;
  }

 private:
  static unsigned list_of(size_t pages) noexcept {
    if (pages < steps) return static_cast<unsigned>(pages);
    const unsigned octave = floor_log2(pages);
    const unsigned step = static_cast<unsigned>(pages >> (octave - step_bits)) & (steps - 1);
    return (octave - step_bits + 1) * steps + step;
  }

  static_assert(rows <= sizeof(uintptr_t) * CHAR_BIT, "one word says which rows are in use");

  uintptr_t rows_used_ = 0;
  uint8_t lists_used_[rows] = {};
  Span* heads_[rows * steps] = {};
};

}  // namespace rsb
