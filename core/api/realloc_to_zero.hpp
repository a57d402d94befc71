// SPDX-License-Identifier: MIT OR Apache-2.0
// What realloc(p, 0) does under the standard names. C leaves it open, libraries differ, and
// programs lean on theirs: some free blocks that way, others go on using them. So it is as in the C
// library that is replaced; the build says how that does it.
#pragma once

#include "instance.hpp"

namespace rsb {

enum class ReallocToZero { frees, keeps };
inline constexpr ReallocToZero realloc_to_zero = ReallocToZero::RSB_REALLOC_TO_ZERO;

// Whether realloc(block, size) releases the block and returns null. Null is no block.
constexpr bool frees(const void* block, size_t size) noexcept {
  return realloc_to_zero == ReallocToZero::frees && size == 0 && block != nullptr;
}

}  // namespace rsb
