// SPDX-License-Identifier: MIT OR Apache-2.0
// Counts the instructions of a call by single-stepping it (x86-64 Linux).
//
// With the trap flag set, the processor raises a trap after every instruction; the handler of
// SIGTRAP sees where the next one is. Exact, and the same in every run; some 10,000 times slower
// than running free. A `rep` instruction counts once a repetition: its work is not constant. Only
// the thread that calls is stepped; one call at a time.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "steps/functions.hpp"
#include "support/trap_flag.hpp"

namespace bench {

// Instructions of these functions, and of all that they call, do not count.
void leave_out(std::vector<FunctionRange> functions);

// Installs the handler and measures what stepping adds to every call.
void prepare_stepping();

namespace stepping {

// Between these two, every instruction is counted.
[[gnu::always_inline]] inline void begin() noexcept {
  support::set_trap_flag();
}
[[gnu::always_inline]] inline void end() noexcept {
  support::clear_trap_flag();
}

// Forgets what was counted before.
void reset() noexcept;
// Counted since reset, less what stepping itself adds.
[[nodiscard]] long counted() noexcept;
// Whether a function that is left out was called since reset.
[[nodiscard]] bool has_left_out() noexcept;
// Where they were: one address an instruction, the first 4,096 of them.
[[nodiscard]] std::span<const std::uintptr_t> trace() noexcept;

}  // namespace stepping

// The instructions of `function(argument)`, from its first to its return, both included.
template <class Result, class Argument>
[[gnu::noinline]] long steps_of(Result (*function)(Argument) noexcept, Argument argument,
                                Result& result) noexcept {
  stepping::reset();
  stepping::begin();
  result = function(argument);
  stepping::end();
  return stepping::counted();
}

template <class Argument>
[[gnu::noinline]] long steps_of(void (*function)(Argument) noexcept, Argument argument) noexcept {
  stepping::reset();
  stepping::begin();
  function(argument);
  stepping::end();
  return stepping::counted();
}

}  // namespace bench
