// aarch64 Linux with pages of 16 KiB. The allocator's page is as large, as by default. What differs
// is the size of acquisitions: a huge page of such a kernel has 32 MiB, and where they are given
// unasked ("always" in /sys/kernel/mm/transparent_hugepage/enabled), the first byte written to a
// mapping of whole huge pages costs all of one. Acquisitions of half a huge page cost what is used.
#pragma once

#include "rsb/options.hpp"
#include "rsb/platform.hpp"

namespace rsb {

struct Instance {
  using Pages = platform::Pages;
  using Lock = platform::Lock;
  static constexpr Options options = [] {
    Options o = platform::options;
    o.page_size = 16 * KiB;
    o.span_size = 16 * KiB;
    o.acquire_size = 16 * MiB;
    o.checks = Checks::RSB_CHECKS;
    return o;
  }();
  static void exhausted() noexcept { platform::exhausted(); }
};

}  // namespace rsb
