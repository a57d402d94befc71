// SPDX-License-Identifier: MIT OR Apache-2.0
// How long a heap masks interrupts: put MaskedTime in the place of the Interrupts that its lock
// uses.
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "rsb/lock.hpp"

namespace firmware {

// What interrupts are masked for.
enum class For : uint8_t {
  calls,   // allocating and freeing
  upkeep,  // trim, statistics, check, walks, new regions: linear in what there is
};

// Satisfies rsb::Interrupts. Clock::now() is a counter. For one core: what several measure at once
// may be lost.
template <rsb::Interrupts I, class Clock>
class MaskedTime {
 public:
  struct State {
    typename I::State before;
    uint32_t since;
  };

  static State mask() noexcept {
    const typename I::State before = I::mask();
    return {before, Clock::now()};
  }

  static void restore(State state) noexcept {
    const uint32_t ticks = Clock::now() - state.since;
    uint32_t& longest = longest_[static_cast<int>(purpose_)];
    if (ticks > longest) longest = ticks;
    I::restore(state.before);
  }

  static void set_purpose(For purpose) { purpose_ = purpose; }

  // The longest time, as the number of instructions that took as long in a plain loop. Exact in
  // QEMU with -icount, where all take the same time. What the measurement itself adds is
  // subtracted. 0: nothing was measured.
  static uint32_t most_instructions(For purpose) {
    const uint32_t longest = longest_[static_cast<int>(purpose)];
    if (longest == 0) return 0;
    const uint32_t nothing = ticks_of([] {});
    const uint32_t loop = ticks_of([] {
      uint32_t count = 5'000;
      asm volatile("1: subs %0, %0, #1\n bne 1b" : "+r"(count)::"cc");  // two instructions a round
    });
    return static_cast<uint32_t>(uint64_t{longest - nothing} * 10'000 / (loop - nothing));
  }

 private:
  template <class Work>
  static uint32_t ticks_of(Work work) {
    const uint32_t since = Clock::now();
    work();
    return Clock::now() - since;
  }

  static constinit inline For purpose_ = For::upkeep;
  static constinit inline uint32_t longest_[2] = {};
};

template <class Measured>
void print_masked_time() {
  printf("interrupts masked: at most %lu instructions by an allocation or a free, %lu by upkeep\n",
         static_cast<unsigned long>(Measured::most_instructions(For::calls)),
         static_cast<unsigned long>(Measured::most_instructions(For::upkeep)));
}

}  // namespace firmware
