// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

namespace rsb::port {

// Which core runs this: 0 is the one that the program starts on. Any time, any context.
inline unsigned this_core() noexcept {
  unsigned long affinity;
  asm("mrs %0, mpidr_el1" : "=r"(affinity));
  return affinity & 0xff;
}

}  // namespace rsb::port
