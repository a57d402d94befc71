// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <rsb/buddy_pages.hpp>
#include <rsb/heap.hpp>

// The kernel's own.
extern "C" {
void* kernel_alloc_pages(unsigned order) noexcept;  // 2^order pages, aligned to their size; or null
void kernel_free_pages(void* block, unsigned order) noexcept;
unsigned long kernel_mask_interrupts(void) noexcept;  // returns what was
void kernel_restore_interrupts(unsigned long) noexcept;
}

struct KernelBuddy {
  static constexpr size_t page_size = 4 * rsb::KiB;
  static constexpr unsigned max_order = 10;
  void* alloc_pages(unsigned order) noexcept { return kernel_alloc_pages(order); }
  void free_pages(void* block, unsigned order) noexcept { kernel_free_pages(block, order); }
};

struct KernelInterrupts {
  using State = unsigned long;
  static State mask() noexcept { return kernel_mask_interrupts(); }
  static void restore(State before) noexcept { kernel_restore_interrupts(before); }
};

struct Kernel {
  using Pages = rsb::BootThen<rsb::BuddyPages<KernelBuddy>>;
  using Lock = rsb::InterruptSpinLock<KernelInterrupts>;  // keeps handlers and other CPUs out
  static constexpr rsb::Options options{
      .page_size = 4 * rsb::KiB,          // large blocks are multiples of it
      .span_size = 16 * rsb::KiB,         // the largest bin
      .acquire_size = 64 * rsb::KiB,      // asked of the buddy at a time: order 4
      .acquire_alignment = 4 * rsb::KiB,  // the buddy aligns more than that
      .keep_free = 1 * rsb::MiB,          // what is free beyond goes back
      .discard_size = 4 * rsb::KiB,
      .map = rsb::Map::flat,
  };
};
