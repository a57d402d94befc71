// SPDX-License-Identifier: MIT OR Apache-2.0
// A mode in which a program runs its tests: in each of them one call of the page source fails,
// once, besides those that the test itself lets fail. RSB_FAIL=release:17 says which one of each
// source, and RSB_FAIL=each runs all tests again and again, with each call in turn
// (calls_in_turn.hpp).
//
// Most tests say what happens when every call succeeds, so most assertions mean nothing then: one
// that fails ends its test, or does not, and that is all. What must hold whatever fails is told to
// complain(): CHECK_SOUND() does, and what is made of a world at its end, however its test has
// ended; there everything is released.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace support {

// On Linux alone; elsewhere it shall cost next to nothing.
#ifdef __linux__
inline constexpr bool has_failing_calls = true;
#else
inline constexpr bool has_failing_calls = false;
#endif

enum class SourceCall : uint8_t { acquire, release, discard, move, count };

class FailingCall {
 public:
  constexpr FailingCall() noexcept = default;

  // Whether there is one.
  bool is_on() const noexcept { return has_failing_calls && complain_ != nullptr; }
  // Something is not as it must be, whatever has failed. Unless there is a call that fails, an
  // assertion says so.
  void complain(const char* sentence) const {
    if (is_on()) complain_(sentence);
  }

  void begin(SourceCall call, size_t number, void (*hears)(const char*)) noexcept {
    call_ = call, number_ = number, complain_ = hears, failed_ = 0;
  }
  // How many sources have come to the call.
  size_t failed() const noexcept { return failed_; }

 private:
  friend class CallsOfSource;
  SourceCall call_ = SourceCall::count;
  size_t number_ = 0;
  size_t failed_ = 0;
  void (*complain_)(const char*) = nullptr;
};

inline constinit FailingCall failing_call;

// What a page source counts.
class CallsOfSource {
 public:
  // Whether this call, the next one of its kind, is the one that fails.
  bool fails(SourceCall call) noexcept {
    const size_t number = made_[static_cast<size_t>(call)]++;
    if (call != failing_call.call_ || number != failing_call.number_) return false;
    failing_call.failed_++;
    return true;
  }
  // From now on none does.
  void recover() noexcept {
    for (size_t& made : made_) made = SIZE_MAX / 2;
  }

 private:
  size_t made_[static_cast<size_t>(SourceCall::count)] = {};
};

}  // namespace support
