// SPDX-License-Identifier: MIT OR Apache-2.0
// Whether a thread is inside a call of the heap, where it must not begin another.
#pragma once

namespace rsb {

// In a signal handler, which would wait for what it has interrupted. (A lock of the user's
// configuration need not be able to tell.)
template <class Heap>
bool is_inside_call(Heap& heap) noexcept {
  if constexpr (requires { heap.is_inside_call(); }) {
    return heap.is_inside_call();
  } else if constexpr (requires { heap.lock().is_held_by_this_thread(); }) {
    return heap.lock().is_held_by_this_thread();
  } else {
    return false;
  }
}

// Whether that is known at all.
template <class Heap>
inline constexpr bool knows_who_is_inside = requires(Heap& heap) {
  heap.lock().is_held_by_this_thread();
};

}  // namespace rsb
