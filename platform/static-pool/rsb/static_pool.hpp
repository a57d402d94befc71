// SPDX-License-Identifier: MIT OR Apache-2.0
// A pool that is part of the program: for the configuration of a board, beside what
// rsb_add_region() hands over.
#pragma once

#include "rsb/page_source.hpp"

namespace rsb {

// Satisfies rsb::PageSource and rsb::RegionSource. There is one pool for each pair of arguments, so
// that one heap may have it.
template <size_t bytes, size_t alignment>
class StaticPool : public NoPages {
 public:
  Region next_region() noexcept {
    if (is_given_) return {};
    is_given_ = true;
    return {memory_, bytes};
  }

 private:
  alignas(alignment) static inline constinit char memory_[bytes] = {};
  bool is_given_ = false;
};

}  // namespace rsb
