// SPDX-License-Identifier: MIT OR Apache-2.0
// The heap of the module: how it is configured for Linux, and its functions for C.
#include "heap.h"

#include "rsb/buddy_pages.hpp"
#include "rsb/cached_inspector.hpp"

namespace rsb_linux {
namespace {

struct LinuxBuddy {
  static constexpr size_t page_size = size_t{1} << RSB_LINUX_PAGE_SHIFT;
  static constexpr unsigned max_order = RSB_LINUX_MAX_ORDER;
  static void* alloc_pages(unsigned order) noexcept { return rsb_linux_alloc_pages(order); }
  static void free_pages(void* base, unsigned order) noexcept { rsb_linux_free_pages(base, order); }
};

// The nodes of the page map are never released: the module is told of all that is acquired, so that
// it can release them when it is unloaded.
class LinuxPages : public rsb::BuddyPages<LinuxBuddy> {
  using Base = rsb::BuddyPages<LinuxBuddy>;

 public:
  void* acquire(size_t bytes, size_t alignment) noexcept {
    void* const base = Base::acquire(bytes, alignment);
    if (base != nullptr) rsb_linux_acquired(base, bytes);
    return base;
  }
  bool release(void* base, size_t bytes) noexcept {
    rsb_linux_released(base);
    return Base::release(base, bytes);
  }
};

// One of the kernel's own, for what those do where CPUs are virtual and may be taken away. Its
// holder has interrupts off, so that a handler never interrupts one, and may wait.
class LinuxLock {
 public:
  static void lock() noexcept { rsb_linux_lock(); }
  static bool try_lock() noexcept { return rsb_linux_try_lock() != 0; }
  static bool try_lock_in_handler() noexcept { return rsb_linux_lock_in_handler() != 0; }
  static void unlock() noexcept { rsb_linux_unlock(); }
};

}  // namespace
}  // namespace rsb_linux

#if defined(RSB_LINUX_INLINE_PREEMPTION)
// As the kernel's headers have it, for 6.1 on x86-64: two variables of each CPU.
extern "C" {
extern int __preempt_count;  // NOLINT(bugprone-reserved-identifier)
extern int cpu_number;
}
#endif

namespace rsb_linux {
namespace {

struct LinuxCpus {
  static unsigned cpus() noexcept { return rsb_linux_cpus(); }
#if defined(RSB_LINUX_INLINE_PREEMPTION)
  [[gnu::always_inline]] static unsigned current_cpu() noexcept {
    unsigned cpu;
    asm volatile("movl %%gs:%1, %0" : "=r"(cpu) : "m"(cpu_number));
    return cpu;
  }
  [[gnu::always_inline]] static void disable_preemption() noexcept {
    asm volatile("incl %%gs:%0" : "+m"(__preempt_count)::"cc");
  }
  [[gnu::always_inline]] static void enable_preemption() noexcept {
    bool is_due;
    asm volatile("decl %%gs:%1" : "=@cce"(is_due), "+m"(__preempt_count));
    if (is_due) [[unlikely]]
      rsb_linux_reschedule();
  }
#else
  static unsigned current_cpu() noexcept {
    return rsb_linux_current_cpu();
  }
  static void disable_preemption() noexcept {
    rsb_linux_disable_preemption();
  }
  static void enable_preemption() noexcept {
    rsb_linux_enable_preemption();
  }
#endif
};

struct Linux {
  using Pages = LinuxPages;
  using Lock = LinuxLock;
#if defined(RSB_LINUX_CACHES)
  using Seats = rsb::CpuSeats<RSB_LINUX_CPUS, LinuxCpus>;
  static constexpr rsb::CacheOptions caches{
      .bytes = 64 * rsb::KiB,
      .most_bytes = 256 * rsb::KiB,
      .magazine = 128,
      .batch = 32,
  };
#endif
  static constexpr rsb::Options options{
      .page_size = LinuxBuddy::page_size,
      .span_size = RSB_LINUX_SPAN_BYTES,
      .acquire_size = 256 * rsb::KiB,
      .acquire_alignment = LinuxBuddy::page_size,
      .keep_free = 2 * rsb::MiB,
      .discard_size = LinuxBuddy::page_size,
      .reserve_pages = 16,  // for handlers that find no page while others' blocks wait
      // The direct map lies in the upper half of addresses of 48 or 57 bits, at a random place: all
      // that its addresses agree in is bit 56 and those above. A leaf is to be no larger than the
      // largest block of the page allocator, of 4 MiB.
      .address_bits = 56,
      .radix_leaf_bits = 12,
      .radix_inner_bits = 16,
  };
};

constinit rsb::HeapOf<Linux> heap;

using Inspector = decltype(inspect(heap));

constexpr size_t page = Linux::options.page_size;
constexpr size_t span_size = Linux::options.span_size;

char letter_of(rsb::Use use) noexcept {
  switch (use) {
    case rsb::Use::free:
      return '.';
    case rsb::Use::slots:
      return 's';
    case rsb::Use::large:
      return 'L';
    case rsb::Use::pages:
      return 'P';
    case rsb::Use::reserve:
      return 'R';
  }
  return '?';
}

}  // namespace
}  // namespace rsb_linux

using rsb_linux::heap;

void* rsb_heap_allocate(size_t size) noexcept {
  return heap.allocate(size);
}

void* rsb_heap_allocate_aligned(size_t size, size_t alignment) noexcept {
  return heap.allocate(size, alignment);
}

void* rsb_heap_reallocate(void* block, size_t size) noexcept {
  return heap.reallocate(block, size);
}

void rsb_heap_deallocate(void* block) noexcept {
  heap.deallocate(block);
}

size_t rsb_heap_usable_size(const void* block) noexcept {
  return heap.usable_size(block);
}

size_t rsb_heap_trim() noexcept {
  return heap.trim();
}

void rsb_heap_cpu_is_gone([[maybe_unused]] unsigned cpu) noexcept {
#if defined(RSB_LINUX_CACHES)
  heap.give_back_cache(cpu);
  heap.trim();  // nobody may want it before the CPU is back
#endif
}

const char* rsb_heap_check() noexcept {
  return inspect(heap).check();
}

void* rsb_heap_allocate_nowait(size_t size, size_t alignment) noexcept {
  return heap.allocate_nowait(size, alignment);
}

void rsb_heap_deallocate_nowait(void* block) noexcept {
  heap.deallocate_nowait(block);
}

int rsb_heap_fetch_pages(size_t size, size_t alignment) noexcept {
  using rsb_linux::LinuxPages;
  if (size > LinuxPages::most_bytes || alignment > LinuxPages::most_bytes) return 0;
  const size_t bytes = rsb::larger(size, rsb_linux::span_size);
  void* const run = heap.pages().allocate((bytes - 1) / rsb_linux::page + 1, alignment);
  heap.pages().deallocate(run);
  return run != nullptr;
}

size_t rsb_heap_free_bytes() noexcept {
  return heap.pages().free_bytes();
}

void rsb_heap_seed(unsigned random) noexcept {
  heap.seed(random);
}

void rsb_heap_stats(rsb_heap_numbers* stats) noexcept {
  const rsb::Stats s = inspect(heap).stats();
  *stats = {
      .live_blocks = s.live_blocks,
      .live_bytes = s.live_bytes,
      .cached_blocks = s.cached_blocks,
      .cached_bytes = s.cached_bytes,
      .deferred_blocks = s.deferred_blocks,
      .used_bytes = s.used_bytes,
      .free_bytes = s.free_bytes,
      .longest_run_bytes = s.longest_run_bytes,
      .acquired_bytes = s.acquired_bytes,
      .peak_acquired_bytes = s.peak_acquired_bytes,
      .metadata_bytes = s.metadata_bytes,
      .object_bytes = sizeof heap,
      .failures = s.failures,
  };
}

size_t rsb_heap_bins() noexcept {
  return rsb_linux::Inspector::bins;
}

void rsb_heap_bin(size_t bin, size_t* slot_bytes, size_t* spans, size_t* slots,
                  size_t* live) noexcept {
  const rsb::BinStats s = inspect(heap).bin_stats(bin);
  *slot_bytes = s.slot_bytes;
  *spans = s.spans;
  *slots = s.slots;
  *live = s.live;
}

void rsb_heap_walk_runs(rsb_heap_visit visit, void* context) noexcept {
  size_t slot_bytes[rsb_linux::Inspector::bins];
  for (size_t bin = 0; bin < rsb_linux::Inspector::bins; bin++) {
    slot_bytes[bin] = inspect(heap).bin_stats(bin).slot_bytes;
  }
  inspect(heap).walk_runs([&](const rsb::Run& run) {
    const size_t live_bytes =
        run.use == rsb::Use::slots ? run.live * slot_bytes[run.bin] : run.bytes;
    visit(context, run.base, run.bytes, rsb_linux::letter_of(run.use), live_bytes);
    return true;
  });
}

const char* rsb_heap_fault_name(int fault) noexcept {
  return rsb::fault_name(static_cast<rsb::Fault>(fault));
}
