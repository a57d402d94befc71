// SPDX-License-Identifier: MIT OR Apache-2.0
// 64-bit Windows: pages by VirtualAlloc, a spinlock that yields. Needs KERNEL32.dll and nothing
// else, no C runtime either. Whatever is called here leaves GetLastError() as it was.
//
// So errno, which is the C runtime's, is set only in programs that are linked with
// -u,rsb_sets_errno, as those with rsb::libc are.
#pragma once

#include "rsb/kernel32.hpp"
#include "rsb/lock.hpp"
#include "rsb/options.hpp"
#include "rsb/rsb.h"

namespace rsb {

// As in rsb/fault.hpp, which is not included here: its weak reference in an object that raises
// nothing would keep the linker from looking for the default fault hook.
enum class Fault : int;
[[noreturn]] void raise(Fault fault, const void* address);

}  // namespace rsb

namespace rsb::platform {

class KeepLastError {
 public:
  KeepLastError() noexcept : saved_(GetLastError()) {}
  ~KeepLastError() { SetLastError(saved_); }
  KeepLastError(const KeepLastError&) = delete;
  KeepLastError& operator=(const KeepLastError&) = delete;

 private:
  const unsigned long saved_;
};

// Satisfies rsb::PageSource; zeroes, and discards. All of what it acquires is committed: a request
// that the system cannot back with memory fails here, and no access ever does later.
class Pages {
 public:
  static constexpr bool zeroed = true;
  static constexpr bool trusted = true;

  [[gnu::noinline]] bool accepts_page(size_t bytes) noexcept {
    SystemInformation system;
    GetSystemInfo(reinterpret_cast<_SYSTEM_INFO*>(&system));
    return bytes % system.page_bytes == 0;
  }

  [[gnu::noinline]] void* acquire(size_t bytes, size_t alignment) noexcept {
    const KeepLastError keep_last_error;
    if (alignment <= granularity) {
      return VirtualAlloc(nullptr, bytes, mem_reserve | mem_commit, page_read_write);
    }
    // Reservations begin at multiples of the granularity, and cannot be given back in part: so
    // address space stays reserved around what is committed. To release it and then to reserve just
    // the aligned part would be a race with other threads.
    size_t more;
    if (__builtin_add_overflow(bytes, alignment - granularity, &more)) return nullptr;
    void* const reservation = VirtualAlloc(nullptr, more, mem_reserve, page_no_access);
    if (reservation == nullptr) return nullptr;
    char* const aligned = align_up(static_cast<char*>(reservation), alignment);
    if (VirtualAlloc(aligned, bytes, mem_commit, page_read_write) != nullptr) return aligned;
    VirtualFree(reservation, 0, mem_release);
    return nullptr;
  }

  // Whole reservations are all that the system takes back.
  [[gnu::noinline]] bool release(void* base, size_t) noexcept {
    const KeepLastError keep_last_error;
    MemoryInformation memory;
    if (!is_committed_from(base, memory)) return false;
    return VirtualFree(memory.reservation, 0, mem_release) != 0;
  }

  // Not by MEM_DECOMMIT, which is documented to bring zeroes: if others take the memory before it
  // is committed again, then it is lost in the middle of the heap's. Zeroes are written, and
  // MEM_RESET says that they need not be kept, in memory or in the paging file; what has been
  // dropped comes back as zeroes. So this frees memory, but no part of the commit limit.
  [[gnu::noinline]] bool discard(void* base, size_t bytes) noexcept {
    const KeepLastError keep_last_error;
    MemoryInformation memory;
    if (!is_committed_from(base, memory) || memory.bytes < bytes) return false;
    __builtin_memset(base, 0, bytes);
    VirtualAlloc(base, bytes, mem_reset, page_read_write);
    return true;
  }

  [[gnu::noinline]] bool protect(void* base, size_t bytes) noexcept {
    return set_access(base, bytes, page_no_access);
  }
  [[gnu::noinline]] bool unprotect(void* base, size_t bytes) noexcept {
    return set_access(base, bytes, page_read_write);
  }

  // For rsb::KnowsRandom. From what the kernel draws for each process, by which it encodes
  // pointers, and the time. (What draws more is in other DLLs, and to load one waits for a lock
  // whose holders may wait for the heap.)
  [[gnu::noinline]] static uint32_t random() noexcept {
    const KeepLastError keep_last_error;
    const uint64_t drawn = address_of(EncodePointer(nullptr));
    uint64_t ticks = 0;
    QueryPerformanceCounter(reinterpret_cast<_LARGE_INTEGER*>(&ticks));
    const uint64_t both = (drawn ^ ticks << 32 ^ ticks) * 0x9e3779b97f4a7c15u;
    return static_cast<uint32_t>(both >> 32) ^ static_cast<uint32_t>(drawn >> 32);
  }

 private:
  static bool set_access(void* base, size_t bytes, unsigned long access) noexcept {
    const KeepLastError keep_last_error;
    unsigned long before;
    return VirtualProtect(base, bytes, access, &before) != 0;
  }

  static constexpr size_t granularity = 64 * KiB;  // of reservations, on all of Windows

  // Whether `base` is the start of a page of memory that may be written.
  static bool is_committed_from(void* base, MemoryInformation& memory) noexcept {
    return VirtualQuery(base, reinterpret_cast<_MEMORY_BASIC_INFORMATION*>(&memory),
                        sizeof memory) == sizeof memory &&
           memory.base == base && memory.state == mem_commit;
  }
};

struct Scheduler {
  static void yield() noexcept { SwitchToThread(); }
  static void sleep(unsigned microseconds) noexcept { Sleep((microseconds + 999) / 1'000); }
};

using YieldThenSleep = rsb::YieldThenSleep<Scheduler>;

// A spinlock that knows its owner: who waits for what it holds itself, an exception handler that
// interrupted a call, is in a fault. Satisfies rsb::Lock and rsb::TryLock.
class Lock {
 public:
  constexpr Lock() noexcept = default;

  void lock() noexcept {
    if (!try_lock()) [[unlikely]]
      wait();
  }

  bool try_lock() noexcept {
    unsigned long expected = nobody;
    return __atomic_compare_exchange_n(&owner_, &expected, this_thread(), false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
  }

  void unlock() noexcept { __atomic_store_n(&owner_, nobody, __ATOMIC_RELEASE); }

  // In an exception handler, too.
  bool is_held_by_this_thread() const noexcept {
    return __atomic_load_n(&owner_, __ATOMIC_RELAXED) == this_thread();
  }

 private:
  static constexpr unsigned long nobody = 0;  // no thread's number

  // What GetCurrentThreadId() returns, which programs may look up themselves.
  static unsigned long this_thread() noexcept {
#if defined(__x86_64__)
    unsigned long number;
    asm("movl %%gs:0x48, %0" : "=r"(number));
    return number;
#else
    return GetCurrentThreadId();
#endif
  }

  [[gnu::noinline, gnu::cold]] void wait() noexcept {
    if (is_held_by_this_thread()) {
      raise(static_cast<Fault>(RSB_CALL_INSIDE_CALL), nullptr);
    }
    BackOff<YieldThenSleep> back_off;
    do {
      while (__atomic_load_n(&owner_, __ATOMIC_RELAXED) != nobody) back_off.pause();
    } while (!try_lock());
  }

  unsigned long owner_ = nobody;
};

// Committed memory counts against the system's limit whether it is used or not. So it comes in
// smaller pieces than elsewhere, and the page map in smaller nodes: one leaf, 1 MiB, for 256 MiB.
inline constexpr Options options{
    .acquire_size = 4 * MiB,
    .acquire_alignment = 64 * KiB,
    .keep_free = 16 * MiB,
    .radix_leaf_bits = 14,
    .radix_inner_bits = 8,
};

// An allocation has failed; an alignment was no power of two. They set errno, where that is wanted,
// and do nothing else.
void exhausted() noexcept;
void invalid_argument() noexcept;

}  // namespace rsb::platform
