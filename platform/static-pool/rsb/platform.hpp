// SPDX-License-Identifier: MIT OR Apache-2.0
// Memory handed over by address: at run time by rsb_add_region(), at build time by defining
// rsb_regions[]. No page source beyond that.
#pragma once

#include "rsb/internal/machine/error_number.hpp"
#include "rsb/lock.hpp"
#include "rsb/options.hpp"
#include "rsb/page_source.hpp"
#include "rsb/random_hook.hpp"
#include "rsb/rsb.h"

namespace rsb::platform {

// Satisfies rsb::PageSource and rsb::RegionSource.
class Pages : public NoPages {
 public:
  Region next_region() noexcept {
    const Region region{rsb_regions[next_].base, rsb_regions[next_].bytes};
    if (!region.is_none()) next_++;
    return region;
  }

  // For rsb::KnowsRandom.
  static uint32_t random() noexcept { return random_of_hook(); }

 private:
  size_t next_ = 0;
};

using Lock = SpinLock;

inline constexpr Options options{
    .page_size = 4 * KiB,
    .span_size = 16 * KiB,
    .acquire_size = 16 * KiB,
    .acquire_alignment = 4 * KiB,
    .discard_size = 4 * KiB,
    .map = Map::flat,
};

inline void exhausted() noexcept {
  set_errno(error_no_memory);
}
inline void invalid_argument() noexcept {
  set_errno(error_invalid);
}

}  // namespace rsb::platform
