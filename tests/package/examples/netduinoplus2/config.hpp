#pragma once

#include "rsb/lock.hpp"
#include "rsb/options.hpp"
#include "rsb/page_source.hpp"

namespace rsb {

struct Instance {
  static constexpr Options options{
      .page_size = 256,
      .span_size = 1 * KiB,
      .acquire_size = 1 * KiB,
      .acquire_alignment = 256,
      .discard_size = 256,
      .checks = Checks::RSB_CHECKS,
      .map = Map::flat,
  };

  class Pages : public NoPages {
   public:
    Region next_region() noexcept {
      if (handed_over_) return {};
      handed_over_ = true;
      return {pool, sizeof pool};
    }

   private:
    alignas(options.page_size) static inline char pool[64 * KiB];
    bool handed_over_ = false;
  };

  using Lock = InterruptLock<CoreInterrupts>;  // handlers may allocate and free

  static void exhausted() noexcept {}
};

}  // namespace rsb
