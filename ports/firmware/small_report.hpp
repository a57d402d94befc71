// SPDX-License-Identifier: MIT OR Apache-2.0
// What a firmware prints of a small heap: its statistics, and a map of its regions.
#pragma once

#include <stdio.h>

#include "rsb/small_inspector.hpp"

namespace firmware {

// A character for each `cell` bytes: how much of them is in use. Drawn while the heap's lock is
// held, printed without. What exceeds most_rows rows of 64 characters is left out.
template <size_t cell, size_t most_rows>
class SmallMap {
 public:
  template <class Config>
  void draw(rsb::SmallHeap<Config>& heap) {
    count_ = 0;
    end_ = nullptr;
    rsb::inspect(heap).walk_pieces([this](const rsb::SmallPiece& piece) { return add(piece); });
  }

  void print() const {
    printf("map, %zu bytes a character: # in use, 1-9 so many tenths of it, . free, _ top\n", cell);
    for (const Row* row = rows_; row != rows_ + count_; row++) {
      printf("  %p  ", static_cast<const void*>(row->base));
      for (size_t i = 0; i * cell < row->bytes; i++) {
        putchar(symbol(row->cells[i], rsb::smaller(cell, row->bytes - i * cell)));
      }
      printf("\n");
    }
    if (count_ == 0) printf("  no regions\n");
  }

 private:
  static constexpr size_t columns = 64;

  // What a cell's bytes are used for.
  struct Cell {
    uint16_t used;
    uint16_t top;
  };
  static_assert(cell <= UINT16_MAX);

  struct Row {
    const char* base;
    size_t bytes;
    Cell cells[columns];
  };

  // False: there is no room for it.
  bool add(const rsb::SmallPiece& piece) {
    const char* at = static_cast<const char*>(piece.base);
    size_t left = piece.bytes;
    while (left != 0) {
      if (at != end_ || rows_[count_ - 1].bytes == columns * cell) {
        if (count_ == most_rows) return false;
        rows_[count_++] = {at, 0, {}};
      }
      Row& row = rows_[count_ - 1];
      const size_t bytes = rsb::smaller(left, cell - row.bytes % cell);
      mark(row.cells[row.bytes / cell], piece.use, static_cast<uint16_t>(bytes));
      row.bytes += bytes;
      end_ = at += bytes;
      left -= bytes;
    }
    return true;
  }

  static void mark(Cell& c, rsb::SmallUse use, uint16_t bytes) {
    switch (use) {
      case rsb::SmallUse::block:
      case rsb::SmallUse::table:
        c.used = static_cast<uint16_t>(c.used + bytes);
        break;
      case rsb::SmallUse::top:
        c.top = static_cast<uint16_t>(c.top + bytes);
        break;
      case rsb::SmallUse::free:
        break;
    }
  }

  static char symbol(const Cell& c, size_t bytes) {
    if (c.used == 0) return c.top != 0 ? '_' : '.';
    if (c.used == bytes) return '#';
    return static_cast<char>('0' + rsb::larger(size_t{c.used} * 10 / bytes, 1));
  }

  Row rows_[most_rows] = {};
  size_t count_ = 0;
  const char* end_ = nullptr;
};

template <class Config>
void print_statistics(rsb::SmallHeap<Config>& heap) {
  const rsb::SmallStats s = rsb::inspect(heap).stats();
  printf("heap: %zu blocks, %zu bytes; %zu freed by handlers and not taken over yet\n",
         s.live_blocks, s.live_bytes, s.deferred_blocks);
  printf("memory: %zu bytes, %zu of them free; %zu besides for lists and the table\n",
         s.region_bytes, s.free_bytes, s.metadata_bytes);
  printf("largest request that would be met: %zu; %zu %% fragmented; %zu allocations failed\n",
         s.largest_request, s.fragmentation_percent(), s.failures);
}

// cell: bytes a character; most_rows: as many rows of 64 characters as the heap may have.
template <size_t cell, size_t most_rows, class Config>
void print_map(rsb::SmallHeap<Config>& heap) {
  static constinit SmallMap<cell, most_rows> map;  // too large for small stacks
  map.draw(heap);
  map.print();
}

}  // namespace firmware
