// In the shared library: a program that runs with RSB_STATS set in its environment ends with the
// heap's statistics on standard error.
#include <stdio.h>
#include <stdlib.h>

#include "rsb/rsb.h"

namespace {

[[gnu::destructor]] void report() {
  if (getenv("RSB_STATS") == nullptr) return;
  rsb_stats s;
  rsb_get_stats(&s);
  constexpr size_t KiB = 1024;
  fprintf(stderr,
          "rsbmalloc: %zu live blocks of %zu KiB in %zu KiB of pages (at most %zu KiB)\n"
          "rsbmalloc: %zu KiB acquired (at most %zu KiB), %zu acquisitions, %zu releases, %zu "
          "failures\n",
          s.live_blocks, s.live_bytes / KiB, s.used_bytes / KiB, s.peak_used_bytes / KiB,
          s.acquired_bytes / KiB, s.peak_acquired_bytes / KiB, s.acquisitions, s.releases,
          s.failures);
  fprintf(stderr, "rsbmalloc: %8s %8s %10s %10s\n", "slot", "spans", "slots", "live");
  for (size_t bin = 0; bin < s.bins; bin++) {
    rsb_bin_stats b;
    rsb_get_bin_stats(bin, &b);
    if (b.spans == 0) continue;
    fprintf(stderr, "rsbmalloc: %8zu %8zu %10zu %10zu\n", b.slot_bytes, b.spans, b.slots, b.live);
  }
}

}  // namespace
