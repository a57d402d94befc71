// SPDX-License-Identifier: MIT OR Apache-2.0
// In the shared library: a program that starts with RSB_STATS set in its environment ends with the
// heap's statistics on standard error, as it was at the start: many programs close theirs at exit,
// before destructors run. So there is a duplicate. Some close that too, with all that they find,
// and what they open then may get its number: it is written to only if it is still the same file,
// or else if standard error is.
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "rsb/platform.hpp"
#include "rsb/rsb.h"
#include "standard_error.hpp"

namespace {

int destination = -1;

[[gnu::constructor]] void start() {
  if (getenv("RSB_STATS") == nullptr) return;
  const rsb::platform::KeepErrno keep_errno;
  const rsb::platform::NoCancellation no_cancellation;  // dlopen() is no place for it
  // A high number is out of the way of the program's own, unless the limit is below.
  destination = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 900);
  if (destination < 0) destination = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
}

// No FILE: the program's may be closed, and a new one would be allocated.
[[gnu::format(printf, 1, 2)]] void print(const char* format, ...) {
  char text[256];
  va_list values;
  va_start(values, format);
  const int length = vsnprintf(text, sizeof text, format, values);
  va_end(values);
  if (write(destination, text, static_cast<size_t>(length)) < 0) return;
}

[[gnu::destructor]] void report() {
  if (destination < 0) return;
  const rsb::platform::NoCancellation no_cancellation;  // exit() is no place for it
  if (!rsb::platform::is_first_standard_error(destination)) destination = STDERR_FILENO;
  if (!rsb::platform::is_first_standard_error(destination)) return;
  rsb_stats s;
  rsb_get_stats(&s);
  constexpr size_t KiB = 1024;
  print("rsbmalloc: %zu live blocks of %zu KiB in %zu KiB of pages (at most %zu KiB)\n",
        s.live_blocks, s.live_bytes / KiB, s.used_bytes / KiB, s.peak_used_bytes / KiB);
  print(
      "rsbmalloc: %zu KiB acquired (at most %zu KiB), %zu acquisitions, %zu releases, "
      "%zu failures\n",
      s.acquired_bytes / KiB, s.peak_acquired_bytes / KiB, s.acquisitions, s.releases, s.failures);
  print("rsbmalloc: %8s %8s %10s %10s\n", "slot", "spans", "slots", "live");
  for (size_t bin = 0; bin < s.bins; bin++) {
    rsb_bin_stats b;
    rsb_get_bin_stats(bin, &b);
    if (b.spans == 0) continue;
    print("rsbmalloc: %8zu %8zu %10zu %10zu\n", b.slot_bytes, b.spans, b.slots, b.live);
  }
}

}  // namespace
