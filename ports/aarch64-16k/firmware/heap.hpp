// SPDX-License-Identifier: MIT OR Apache-2.0
// The firmware's heap: pages of 16 KiB from Frames, shared by all cores and by their interrupt
// handlers.
#pragma once

#include "../../firmware/masked_time.hpp"
#include "frames.hpp"
#include "rsb/heap.hpp"
#include "rsb/port/interrupts.hpp"

// By picolibc's linker script: what lies between the program and its stack.
extern "C" char __heap_start[], __heap_end[];

namespace firmware {

struct Clock {
  static uint32_t now() { return static_cast<uint32_t>(rsb::port::ticks()); }
};
using MeasuredInterrupts = MaskedTime<rsb::CoreInterrupts, Clock>;

// By main.cpp: says why, and ends the program.
[[noreturn]] void fail(const char* why, const void* where = nullptr);

// Who waits for the lock while another core could have used the heap a million times waits in vain:
// for itself, perhaps.
struct WaitWithLimit {
  static void wait(unsigned round) noexcept {
    if (round > 1'000'000'000) fail("the heap's lock is never given up");
    rsb::spin_hint();
  }
};

// The build may choose another lock: with MeasuredInterrupts, or to see what this one is good for.
#ifndef FIRMWARE_LOCK
#define FIRMWARE_LOCK rsb::InterruptSpinLock<rsb::CoreInterrupts, firmware::WaitWithLimit>
#endif

struct Config {
  using Pages = Frames;
  using Lock = FIRMWARE_LOCK;
  static constexpr rsb::Options options{
      .page_size = Frames::frame,
      .span_size = Frames::frame,
      .acquire_size = 256 * rsb::KiB,
      .acquire_alignment = Frames::frame,
      .keep_free = 256 * rsb::KiB,
      .discard_size = Frames::frame,
      .reserve_pages = 8,     // for handlers that find no free page
      .deferred_batch = 2,    // few at a time, since interrupts are masked meanwhile
      .map = rsb::Map::flat,  // all memory is known by address: see manage_memory()
  };
};

using Heap = rsb::Heap<Config>;
inline constinit Heap heap;

// Gives the heap all memory that is left. Once, before anything is allocated.
inline void manage_memory() {
  static constinit rsb::Span descriptors[Frames::most];
  static constinit rsb::Window window;
  Frames& frames = heap.pages().source();
  frames.manage(__heap_start, __heap_end);
  window = {frames.base(), frames.count(), descriptors, nullptr};
  heap.pages().add_window(window);
}

}  // namespace firmware
