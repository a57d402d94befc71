// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb_random(), the user's, for configurations of machines that have nothing random themselves:
//   static uint32_t random() noexcept { return rsb::random_of_hook(); }
#pragma once

#include "rsb/arch.hpp"

// A weak reference: nobody need define it.
extern "C" [[gnu::weak]] uint32_t rsb_random();

namespace rsb {

// rsb_random, or null: in memory, where instructions do not reach it.
inline uint32_t (*const volatile random_hook)() = rsb_random;

// What the user's rsb_random() says; 0 without.
inline uint32_t random_of_hook() noexcept {
  if constexpr (reaches_weak_symbols) {
    return &rsb_random != nullptr ? rsb_random() : 0;
  } else {
    const auto hook = random_hook;
    return hook != nullptr ? hook() : 0;
  }
}

}  // namespace rsb
