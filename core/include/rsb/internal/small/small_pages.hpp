// SPDX-License-Identifier: MIT OR Apache-2.0
// Pages of small slots, for a small heap: where there are many small blocks of a size, they need no
// words of their own.
//
// Pages lie at multiples of SmallPage::bytes from the first block's payload, so that a bit for each
// multiple tells whether a pointer is to a slot.
//
// Room small: for SmallHeap alone.
#pragma once

#include "rsb/fault.hpp"
#include "rsb/internal/small/small_block.hpp"

namespace rsb {

// A page is a used block whose payload is slots of one size. Its word says which slots are free,
// one bit each, beside the flags of any block; so there are no links in slots, nothing that writes
// to freed memory can corrupt the heap, and a double free is seen for certain.
//
// Slots are 8 bytes to 64, a multiple of 8; `slot_area` has room for a whole number of each size
// that matters, and for at most 24.
class SmallPage {
 public:
  static constexpr size_t slot_area = 192;
  static constexpr size_t largest_slot = 64;
  // With the word before and the links behind the slots. Pages lie at multiples of it.
  static constexpr size_t bytes =
      align_up(SmallBlock::word_bytes + slot_area + 2 * sizeof(uint16_t), SmallBlock::granule);

  // How many sizes of slots there are; and which, in ascending order: 8 bytes, and multiples of the
  // granule.
  static constexpr size_t sizes =
      largest_slot / SmallBlock::granule + (SmallBlock::granule == 8 ? 0 : 1);
  static constexpr size_t size(size_t i) noexcept {
    if (SmallBlock::granule == 8) return 8 * (i + 1);
    return i == 0 ? 8 : i * SmallBlock::granule;
  }

  explicit SmallPage(char* slots) noexcept : slots_(slots) {}

  char* slots() const noexcept { return slots_; }

  // Makes a page of what was free; all slots are free.
  void begin(size_t slot_bytes) const noexcept {
    word() = all_free(slot_bytes) | integer_cast<uint32_t>(slot_bytes) | SmallBlock::used;
  }

  size_t slot_bytes() const noexcept { return slot_bytes_in(word()); }
  size_t slot_count() const noexcept { return slot_area / slot_bytes(); }
  bool is_full() const noexcept { return word() < first_bit; }
  bool is_empty() const noexcept { return (word() & free_mask) == all_free(slot_bytes()); }
  bool is_free(size_t slot) const noexcept { return (word() & first_bit << slot) != 0; }
  void free(size_t slot) const noexcept { word() |= first_bit << slot; }

  // Whether a live block begins so many bytes behind the first slot.
  [[gnu::always_inline]] bool is_live(size_t offset) const noexcept {
    const size_t slot = offset / slot_bytes();
    return slot * slot_bytes() == offset && slot < slot_count() && !is_free(slot);
  }

  // Of an offset at which none does.
  Fault fault_at(size_t offset) const noexcept {
    if (offset % 8 != 0) return Fault::misaligned_pointer;
    if (offset >= slot_count() * slot_bytes()) return Fault::foreign_pointer;
    return offset % slot_bytes() != 0 ? Fault::interior_pointer : Fault::double_free;
  }

  // The page must not be full.
  [[gnu::always_inline]] char* take() const noexcept {
    const uint32_t w = word();
    const unsigned slot = lowest_bit(w & free_mask);
    word() = w & ~(uint32_t{1} << slot);
    return slots_ + (slot - first_shift) * slot_bytes_in(w);
  }

  // Numbers of pages in the same bin, plus one; 0: none.
  uint16_t& next() const noexcept { return link(0); }
  uint16_t& previous() const noexcept { return link(1); }

  uint32_t& word() const noexcept { return SmallBlock::of(slots_)->word(); }

 private:
  static constexpr unsigned first_shift = 8;
  static constexpr uint32_t first_bit = uint32_t{1} << first_shift;
  static constexpr uint32_t free_mask = ~(first_bit - 1);
  static constexpr size_t slot_bytes_in(uint32_t word) noexcept {
    return integer_cast<size_t>(word & 0x78);
  }
  static_assert(slot_area / 8 <= 32 - first_shift);

  static uint32_t all_free(size_t slot_bytes) noexcept {
    return ((uint32_t{1} << slot_area / slot_bytes) - 1) << first_shift;
  }

  struct [[gnu::may_alias]] Link {
    uint16_t number;
  };
  uint16_t& link(size_t i) const noexcept {
    return reinterpret_cast<Link*>(slots_ + slot_area)[i].number;
  }

  char* slots_;
};

// All pages of a heap; lies in the heap's memory. Pages are known by their numbers, from 1; 0 is
// none.
class SmallPages {
 public:
  static constexpr size_t bin_count = SmallPage::largest_slot / 8 + 1;

  // Slots of 8 bytes and, where the granule is larger, its multiples. 0 for no bytes.
  static constexpr size_t bin_of(size_t size) noexcept {
    const size_t eights = (size + 7) / 8;
    return eights <= 1 ? eights : align_up(eights, SmallBlock::granule / 8);
  }

  // How many words of bits there are for so many bytes of blocks.
  static constexpr size_t words_for(size_t bytes) noexcept {
    return bytes / SmallPage::bytes / 32 + 1;
  }

  // For blocks whose first payload is at `first`. All members are zero, and so are the bits.
  void begin(char* first, uint32_t* bits) noexcept {
    first_ = first;
    bits_ = bits;
  }

  static size_t number_at(size_t offset) noexcept { return offset / SmallPage::bytes + 1; }

  // May be called without the heap's lock for the number of what is live.
  [[gnu::always_inline]] bool has(size_t number) const noexcept {
    const size_t bit = number - 1;
    return (load_relaxed(&bits_[bit / 32]) >> (bit % 32) & 1) != 0;
  }

  // Where a page's slots are or would be; null for 0.
  [[gnu::always_inline]] char* at(size_t number) const noexcept {
    return number == 0 ? nullptr : first_ + (number - 1) * SmallPage::bytes;
  }

  // The first page with free slots for this bin; null: none.
  char* with_free_slots(size_t bin) const noexcept { return bins_[bin]; }

  [[gnu::always_inline]] void* take_slot(SmallPage page, size_t bin) noexcept {
    void* const slot = page.take();
    if (page.is_full()) [[unlikely]]
      unlink(page, bin);
    return slot;
  }

  // Returns whether all slots of the page are free now; it is no page then.
  [[gnu::always_inline]] bool release_slot(size_t number, SmallPage page, size_t slot) noexcept {
    const size_t bin = page.slot_bytes() / 8;
    if (page.is_full()) link(page, number, bin);
    page.free(slot);
    if (!page.is_empty()) return false;
    unlink(page, bin);
    flip(number);
    return true;
  }

  // Makes a page of memory that nothing else uses; all slots are free.
  SmallPage open(size_t number, size_t bin) noexcept {
    const SmallPage page(at(number));
    page.begin(bin * 8);
    link(page, number, bin);
    flip(number);
    return page;
  }

  // Counts allocations that only the top could serve, since it last grew. True: there were so many
  // of this bin that a page is worth its waste.
  bool is_due(size_t bin) noexcept {
    if (missed_[bin] == misses) return true;
    missed_[bin]++;
    return false;
  }
  void forget_misses() noexcept { __builtin_memset(missed_, 0, sizeof missed_); }

 private:
  static constexpr unsigned misses = 16;

  [[gnu::always_inline]] void flip(size_t number) noexcept {
    bits_[(number - 1) / 32] ^= uint32_t{1} << ((number - 1) % 32);
  }

  void link(SmallPage page, size_t number, size_t bin) noexcept {
    char*& first = bins_[bin];
    page.previous() = 0;
    page.next() = 0;
    if (first != nullptr) {
      page.next() = static_cast<uint16_t>(number_at(bytes_from(first_, first)));
      SmallPage(first).previous() = static_cast<uint16_t>(number);
    }
    first = page.slots();
  }

  [[gnu::noinline]] void unlink(SmallPage page, size_t bin) noexcept {
    char* const next = at(page.next());
    if (next != nullptr) SmallPage(next).previous() = page.previous();
    if (char* const previous = at(page.previous())) {
      SmallPage(previous).next() = page.next();
    } else {
      bins_[bin] = next;
    }
  }

  char* bins_[bin_count];      // pages with free slots, by bin_of()
  uint8_t missed_[bin_count];  // see is_due()
  uint32_t* bits_;             // which numbers are pages
  char* first_;                // where page 1 is or would be
};

}  // namespace rsb
