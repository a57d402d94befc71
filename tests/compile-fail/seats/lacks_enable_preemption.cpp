// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: PreemptibleCpus
// Fails with: enable_preemption()
#include "config.hpp"
#include "rsb/cached_heap.hpp"

struct Cpus {
  static unsigned current_cpu() noexcept { return 0; }
  static void disable_preemption() noexcept {}
#ifndef BROKEN
  static void enable_preemption() noexcept {}
#endif
};

struct Cached : Config<> {
  using Seats = rsb::CpuSeats<2, Cpus>;
};

constinit rsb::CachedHeap<Cached> heap;
