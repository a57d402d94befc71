// SPDX-License-Identifier: MIT OR Apache-2.0
// What mallinfo() and malloc_stats() say, whichever C library asks.
#pragma once

#include "rsb/rsb.h"

namespace rsb::libc {

// The library's struct mallinfo. Free chunks are not counted, and nothing is mapped apart from the
// rest; keepcost is the most that malloc_trim() could give back.
template <class Info>
Info info() noexcept {
  rsb_stats stats;
  rsb_get_stats(&stats);
  Info result{};
  using Number = decltype(result.arena);
  result.arena = static_cast<Number>(stats.acquired_bytes);
  result.uordblks = static_cast<Number>(stats.live_bytes);
  result.fordblks = static_cast<Number>(stats.acquired_bytes - stats.live_bytes);
  result.keepcost = static_cast<Number>(stats.free_bytes);
  return result;
}

// Writes three lines by put(text, bytes).
template <class Put>
void print(Put put) noexcept {
  const auto line = [put](const char(&name)[15], size_t number) {
    char text[sizeof name + 20];  // 20 digits and the end of the line
    char* digit = text + sizeof text;
    *--digit = '\n';
    do {
      *--digit = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    char* const begin = digit - (sizeof name - 1);
    __builtin_memcpy(begin, name, sizeof name - 1);
    put(begin, static_cast<size_t>(text + sizeof text - begin));
  };
  rsb_stats stats;
  rsb_get_stats(&stats);
  line("heap bytes    ", stats.acquired_bytes);
  line("at most       ", stats.peak_acquired_bytes);
  line("in use        ", stats.live_bytes);
}

}  // namespace rsb::libc
