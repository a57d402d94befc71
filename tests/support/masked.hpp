// SPDX-License-Identifier: MIT OR Apache-2.0
// What locks do to a core and to who waits for them, for tests with one thread to see.
#pragma once

namespace support {

// A core's interrupts as a number: 0 is nothing masked.
struct Masked {
  using State = int;
  static inline constinit int level = 0;
  static State mask() noexcept {
    const int before = level;
    level = 7;
    return before;
  }
  static void restore(State before) noexcept { level = before; }
};

// What a waiter does: remembers the rounds, and lets a test act in the holder's place.
struct Waiting {
  static inline constinit unsigned rounds = 0;
  static inline constinit bool in_order = true;
  using Act = void (*)(unsigned round);
  static inline constinit Act act = nullptr;

  static void reset() { rounds = 0, in_order = true, act = nullptr; }
  static void wait(unsigned round) noexcept {
    in_order = in_order && round == rounds;
    rounds++;
    if (act != nullptr) act(round);
  }
};

}  // namespace support
