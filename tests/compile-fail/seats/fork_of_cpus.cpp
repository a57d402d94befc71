// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: processes fork, and their seats are threads'
#include "config.hpp"
#include "rsb/cached_heap.hpp"

struct Cpus {
  static unsigned current_cpu() noexcept { return 0; }
  static void disable_preemption() noexcept {}
  static void enable_preemption() noexcept {}
};

struct Cached : Config<> {
  using Seats = rsb::CpuSeats<2, Cpus>;
};

constinit rsb::CachedHeap<Cached> heap;

void prepare_fork() {
#ifdef BROKEN
  heap.begin_fork();
#endif
}
