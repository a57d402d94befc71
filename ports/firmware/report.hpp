// SPDX-License-Identifier: MIT OR Apache-2.0
// What the firmwares of the ports print of a heap: its statistics, its bins, and a map of its
// pages, a character each.
#pragma once

#include <stdio.h>

#include "rsb/inspector.hpp"

namespace firmware {

// Of bins, small slots first; there are at most 48.
inline char letter(size_t bin) {
  return "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"[bin];
}

// Drawn while the heap's lock is held, printed without. What exceeds most_rows is left out.
template <size_t page_size, size_t most_rows>
class Map {
 public:
  template <class Heap>
  void draw(Heap& heap) {
    count_ = 0;
    end_ = nullptr;
    rsb::inspect(heap).walk_runs([this](const rsb::Run& run) { return add(run); });
  }

  void print() {
    printf(
        "map, %zu bytes a character: a b c ... span of that bin, #=== large block, + reserve, . "
        "free\n",
        page_size);
    sort();
    const char* end = nullptr;
    size_t column = 0;
    for (const Row* row = rows_; row != rows_ + count_; row++) {
      if (row->base != end || column + row->length > columns) {
        printf("%s  %p  ", row == rows_ ? "" : "\n", static_cast<const void*>(row->base));
        column = 0;
      }
      printf("%s", row->pages);
      column += row->length;
      end = row->base + row->length * page_size;
    }
    printf("\n");
    if (count_ == 0) printf("  no pages\n");
  }

 private:
  static constexpr size_t columns = 64;

  struct Row {
    const char* base;
    size_t length;            // in pages
    char pages[columns + 1];  // a string
  };

  // False: there is no room for it.
  bool add(const rsb::Run& run) {
    const char* const base = static_cast<const char*>(run.base);
    for (size_t i = 0; i < run.bytes; i += page_size) {
      if (base + i != end_ || rows_[count_ - 1].length == columns) {
        if (count_ == most_rows) return false;
        rows_[count_++] = {base + i, 0, {}};
      }
      Row& row = rows_[count_ - 1];
      row.pages[row.length++] = symbol(run, i == 0);
      end_ = base + i + page_size;
    }
    return true;
  }

  static char symbol(const rsb::Run& run, bool is_first) {
    switch (run.use) {
      case rsb::Use::slots:
        return letter(run.bin);
      case rsb::Use::large:
        return is_first ? '#' : '=';
      case rsb::Use::pages:
        return '%';
      case rsb::Use::reserve:
        return '+';
      case rsb::Use::free:
        break;
    }
    return '.';
  }

  // By address: the heap keeps no order among what it acquired.
  void sort() {
    for (size_t i = 1; i < count_; i++) {
      for (size_t j = i; j > 0 && rows_[j].base < rows_[j - 1].base; j--) {
        const Row row = rows_[j];
        rows_[j] = rows_[j - 1];
        rows_[j - 1] = row;
      }
    }
  }

  Row rows_[most_rows] = {};
  size_t count_ = 0;
  const char* end_ = nullptr;
};

template <class Heap>
void print_statistics(Heap& heap) {
  const rsb::Stats s = rsb::inspect(heap).stats();
  printf("heap: %zu blocks, %zu bytes; %zu freed by handlers and not taken over yet\n",
         s.live_blocks, s.live_bytes, s.deferred_blocks);
  printf("pages: %zu bytes used, %zu pages of them in reserve, %zu bytes free; %zu acquired\n",
         s.used_bytes, s.reserved_pages, s.free_bytes, s.acquired_bytes);
  printf("       at most %zu used, %zu acquired\n", s.peak_used_bytes, s.peak_acquired_bytes);
  printf("page source: %zu acquisitions, %zu releases; %zu allocations failed\n", s.acquisitions,
         s.releases, s.failures);
}

template <class Heap>
void print_bins(Heap& heap) {
  const size_t bins = rsb::inspect(heap).stats().bins;
  printf("bin   bytes  spans   slots    live\n");
  for (size_t i = 0; i < bins; i++) {
    const rsb::BinStats bin = rsb::inspect(heap).bin_stats(i);
    if (bin.spans == 0) continue;
    printf("  %c %7zu %6zu %7zu %7zu\n", letter(i), bin.slot_bytes, bin.spans, bin.slots, bin.live);
  }
}

// most_rows: as many rows of 64 pages as the heap may have.
template <size_t most_rows, class Heap>
void print_map(Heap& heap) {
  static constinit Map<Heap::page, most_rows> map;  // too large for small stacks
  map.draw(heap);
  map.print();
}

}  // namespace firmware
