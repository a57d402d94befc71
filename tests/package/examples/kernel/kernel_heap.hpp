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

// Keeps out the interrupt handlers of this core, and the other cores.
class KernelLock {
 public:
  void lock() noexcept {
    const unsigned long before = kernel_mask_interrupts();
    spin_.lock();
    before_ = before;
  }
  void unlock() noexcept {
    const unsigned long before = before_;
    spin_.unlock();
    kernel_restore_interrupts(before);
  }

 private:
  rsb::SpinLock spin_;
  unsigned long before_ = 0;
};

struct Kernel {
  using Pages = rsb::BootThen<rsb::BuddyPages<KernelBuddy>>;
  using Lock = KernelLock;
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

extern constinit rsb::Heap<Kernel> kernel_heap;
