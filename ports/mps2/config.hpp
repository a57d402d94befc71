// The built heap on an MPS2 board: 512 KiB of its PSRAM, for one core whose interrupt handlers may
// allocate too.
#pragma once

#include "rsb/lock.hpp"
#include "rsb/options.hpp"
#include "rsb/page_source.hpp"
#include "rsb/platform.hpp"

namespace rsb {

struct Instance {
  static constexpr Options options{
      .page_size = 1 * KiB,
      .span_size = 4 * KiB,
      .acquire_size = 4 * KiB,
      .acquire_alignment = 1 * KiB,
      .discard_size = 1 * KiB,
      .checks = Checks::RSB_CHECKS,
      .map = Map::flat,
  };

  // Hands over the pool when memory is first needed. Satisfies rsb::RegionSource.
  class Pages : public NoPages {
   public:
    Region next_region() noexcept {
      if (handed_over_) return {};
      handed_over_ = true;
      return {pool, sizeof pool};
    }

   private:
    alignas(options.page_size) static inline char pool[512 * KiB];
    bool handed_over_ = false;
  };

  using Lock = InterruptLock<CoreInterrupts>;

  static void exhausted() noexcept { platform::exhausted(); }
};

}  // namespace rsb
