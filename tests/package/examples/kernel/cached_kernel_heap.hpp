// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <rsb/cached_heap.hpp>

#include "kernel_heap.hpp"

// The kernel's own.
extern "C" {
unsigned kernel_current_cpu(void) noexcept;  // with preemption off
void kernel_disable_preemption(void) noexcept;
void kernel_enable_preemption(void) noexcept;  // when called as often, preemption is on
}

struct KernelCpus {
  static unsigned current_cpu() noexcept { return kernel_current_cpu(); }
  static void disable_preemption() noexcept { kernel_disable_preemption(); }
  static void enable_preemption() noexcept { kernel_enable_preemption(); }
};

struct CachedKernel : Kernel {
  using Seats = rsb::CpuSeats<8, KernelCpus>;  // CPUs 0 to 7
  static constexpr rsb::CacheOptions caches{
      .bytes = 64 * rsb::KiB,        // all caches together hold at most 8 times this
      .most_bytes = 256 * rsb::KiB,  // and one of them at most this
      .magazine = 128,               // and at most so many blocks of one size
      .batch = 32,
  };
};
