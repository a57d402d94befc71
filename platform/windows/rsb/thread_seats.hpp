// SPDX-License-Identifier: MIT OR Apache-2.0
// A seat for each thread, for a heap with caches (rsb/cached_heap.hpp): found by a slot of
// thread-local storage, and given up by a fiber-local callback. Like all of this platform it needs
// KERNEL32.dll, no C runtime, and leaves GetLastError() as it was.
#pragma once

#include "rsb/platform.hpp"
#include "rsb/seat.hpp"

namespace rsb::platform {

// What must be known of the process before its first thread has a cache. It takes the loader's
// lock, so it is asked outside of this library's.
class Process {
 public:
  // By any number of threads. False: the system has not the memory.
  [[gnu::noinline, gnu::cold]] static bool prepare() noexcept {
    if (__atomic_load_n(&host_, __ATOMIC_ACQUIRE) != Host::unknown) return true;
    // Threads may end as long as the process lives, and the callback must still be there.
    constexpr unsigned long pin = 1, from_address = 4;
    void* module;
    if (!GetModuleHandleExW(from_address | pin, reinterpret_cast<const wchar_t*>(&host_),
                            reinterpret_cast<HINSTANCE__**>(&module))) {
      return false;
    }
    HINSTANCE__* const system = GetModuleHandleW(L"ntdll.dll");
    const auto is_ending = function<IsEnding>(system, "RtlDllShutdownInProgress");
    __atomic_store_n(&is_ending_, is_ending, __ATOMIC_RELEASE);
    Host host = Host::windows;
    if (const auto host_of = function<HostVersion>(system, "wine_get_host_version")) {
      host = interrupts_writers(host_of) ? Host::wine : Host::deaf;
    }
    if (host == Host::wine && !find_page()) return false;
    __atomic_store_n(&host_, host, __ATOMIC_RELEASE);
    return true;
  }

  // Whether all other threads have been ended, wherever they were: locks may stay taken.
  static bool is_ending() noexcept {
    const IsEnding ask = __atomic_load_n(&is_ending_, __ATOMIC_ACQUIRE);
    return ask != nullptr && ask() != 0;
  }

  // Makes all threads of the process see what the calling one has stored, as if each had executed
  // a full barrier. Under Wine two calls of mprotect(2), one of which waits for the processors at
  // work on the process: 60 to 150 microseconds on a virtual machine with two. False: it could not.
  //
  // Windows has a function for it. Wine 8.0 has only the name: it makes no system call, and
  // tests/threads/caches_windows.cpp sees both threads miss the other's store with it. There, a
  // page that has just been written to is made read-only: the kernel must see to it that no
  // processor goes on writing by what it remembers of the page, so it interrupts those that run the
  // process, and the interrupt drains their stores. The others have switched to something else,
  // which does so, too. (Dice, Huang, Yang, "Asymmetric Dekker synchronization", 2001.) That is so
  // for Linux on x86-64, unless the processor has an instruction by which the kernel makes others
  // forget the page without an interrupt (INVLPGB, used from Linux 6.15). There, and on other
  // kernels than Linux, nothing is promised. It can not be told here if x86-64 is emulated on a
  // processor of another kind, nor if a hypervisor does for Linux what an interrupt would: do
  // without caches there.
  [[gnu::noinline]] static bool heavy_barrier() noexcept {
    const KeepLastError keep_last_error;
    switch (__atomic_load_n(&host_, __ATOMIC_ACQUIRE)) {
      case Host::windows:
        FlushProcessWriteBuffers();
        return true;
      case Host::wine:
        return shoot_down();
      default:
        return false;
    }
  }

 private:
  enum class Host : uint8_t {
    unknown,
    windows,
    wine,  // where pages are as heavy_barrier() needs them
    deaf,  // Wine elsewhere
  };
  static constexpr size_t page_bytes = 4 * KiB;

  using IsEnding = unsigned char(__stdcall*)();
  using HostVersion = void(__cdecl*)(const char** name, const char** release);

  template <class Function>
  static Function function(HINSTANCE__* module, const char* name) noexcept {
    return reinterpret_cast<Function>(reinterpret_cast<void (*)()>(GetProcAddress(module, name)));
  }

  static bool interrupts_writers([[maybe_unused]] HostVersion host_of) noexcept {
#if defined(__x86_64__)
    const char* name;
    const char* release;
    host_of(&name, &release);
    constexpr char linux_name[] = "Linux";
    for (size_t i = 0; i < sizeof linux_name; i++) {  // strcmp would be the C runtime's
      if (name[i] != linux_name[i]) return false;
    }
    unsigned a = 0x80000000, b, c = 0, d;
    asm("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (a < 0x80000008) return true;
    a = 0x80000008;
    c = 0;
    asm("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    constexpr unsigned invlpgb = 1 << 3;
    return (b & invlpgb) == 0;
#else
    return false;
#endif
  }

  static bool find_page() noexcept {
    void* const page = VirtualAlloc(nullptr, page_bytes, mem_reserve | mem_commit, page_read_write);
    if (page == nullptr) return false;
    void* expected = nullptr;
    if (!__atomic_compare_exchange_n(&page_, &expected, page, false, __ATOMIC_ACQ_REL,
                                     __ATOMIC_ACQUIRE)) {
      VirtualFree(page, 0, mem_release);  // another thread was faster
    }
    return true;
  }

  static bool shoot_down() noexcept {
    Guard guard(page_lock_);  // heaps' barriers come at the same time
    unsigned long before;
    if (!VirtualProtect(page_, page_bytes, page_read_write, &before)) return false;
    __atomic_store_n(static_cast<char*>(page_), 1, __ATOMIC_RELAXED);  // there, and remembered
    return VirtualProtect(page_, page_bytes, page_read_only, &before) != 0;
  }

  static inline constinit Host host_ = Host::unknown;
  static inline constinit IsEnding is_ending_ = nullptr;
  static inline constinit void* page_ = nullptr;
  static inline constinit Lock page_lock_;
};

// The built instance's. A cache is 0.6 MB with them: its pointers, a place for each slot that might
// be in it. With those of elsewhere it is 1.4 MB, which here counts as used from the start. Four
// for each processor would commit more than they may ever hold.
inline constexpr CacheOptions caches{.run_bytes = 1 * MiB, .magazine = 4096};

// Satisfies rsb::Seats. Tag: any type that belongs to one heap object, since a thread has one seat
// for each Tag.
//
// A thread gets a seat of its own when it first wants a cache; before and after that it has the
// one that is nobody's. It is a slot of thread-local storage that holds the seat, since the
// compiler's thread_local may be an emulation that allocates. Of the first 64 slots the thread's
// block of data has a copy, at a place that the system's programs have compiled in: one
// instruction. What comes later is a call.
//
// The callback is the fiber's on which the thread was when it first wanted a cache. It gives back
// the cache of the calling thread only. So a thread that deletes that fiber does without a cache
// from then on; and if another thread deletes it, or this one ends on another fiber, the seat (128
// bytes) stays for good, and its cache is somebody's who takes it over from an idle holder.
template <class Tag>
class ThreadSeats {
 public:
  using Wait = YieldThenSleep;

  [[gnu::always_inline]] static Seat& mine() noexcept {
#if defined(__x86_64__)
    if (const size_t place = __atomic_load_n(&place_, __ATOMIC_RELAXED)) [[likely]] {
      Seat* seat;
      asm volatile("movq %%gs:(%1), %0" : "=r"(seat) : "r"(place));
      return seat != nullptr ? *seat : nobody_;
    }
#endif
    return mine_by_call();
  }

  // The calling thread's own, which it gets now if it has none; else the one that is nobody's.
  [[gnu::noinline]] static Seat& own() noexcept {
    Seat& seat = mine();
    if (&seat != &nobody_) return seat;
    const KeepLastError keep_last_error;
    unsigned long slot;
    if (!find_slot(slot)) return nobody_;
    if (TlsGetValue(slot) != nullptr) return nobody_;  // its seat has been given up
    void* const heap = GetProcessHeap();
    char* const memory = static_cast<char*>(HeapAlloc(heap, 0, 2 * sizeof(OwnSeat)));
    if (memory == nullptr) return nobody_;
    char* const aligned = align_up(memory, alignof(OwnSeat));
    OwnSeat* const own = static_cast<OwnSeat*>(static_cast<void*>(aligned));
    *own = OwnSeat{};
    own->memory = memory;
    if (TlsSetValue(slot, static_cast<Seat*>(own))) return *own;
    HeapFree(heap, 0, memory);
    return nobody_;
  }

  static void light_barrier() noexcept {
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
  }
  static bool heavy_barrier() noexcept {
    return Process::heavy_barrier();
  }

  // Four for each processor.
  static unsigned caches() noexcept {
    SystemInformation system;
    GetSystemInfo(reinterpret_cast<_SYSTEM_INFO*>(&system));
    return 4 * static_cast<unsigned>(system.processors != 0 ? system.processors : 1);
  }

  static bool at_thread_end(Seat& seat, ThreadEnd end, void* heap) noexcept {
    const KeepLastError keep_last_error;
    unsigned long callback;
    if (!Process::prepare() || !find_callback(callback)) return false;
    OwnSeat& own = static_cast<OwnSeat&>(seat);
    own.end = end;
    own.heap = heap;
    return FlsSetValue(callback, &own) != 0;
  }

 private:
  struct alignas(64) OwnSeat : Seat {
    ThreadEnd end = nullptr;
    void* heap = nullptr;
    void* memory = nullptr;  // what this lies in
  };

  struct Nobody : Seat {
    constexpr Nobody() noexcept { membership = Membership::apart; }
  };

  static constexpr unsigned long none = 0xffffffff;
  static constexpr unsigned long slots_in_block = 64;
  static constexpr size_t first_place = 0x1480;

  [[gnu::noinline, gnu::cold]] static Seat& mine_by_call() noexcept {
    const unsigned long known = __atomic_load_n(&slot_plus_one_, __ATOMIC_ACQUIRE);
    if (known == 0) return nobody_;
    const KeepLastError keep_last_error;
    void* const seat = TlsGetValue(known - 1);
    return seat != nullptr ? *static_cast<Seat*>(seat) : nobody_;
  }

  // The process's slot, allocated by the first thread that wants it.
  static bool find_slot(unsigned long& slot) noexcept {
    unsigned long known = __atomic_load_n(&slot_plus_one_, __ATOMIC_ACQUIRE);
    if (known == 0) {
      slot = TlsAlloc();
      if (slot == none) return false;
      if (__atomic_compare_exchange_n(&slot_plus_one_, &known, slot + 1, false, __ATOMIC_ACQ_REL,
                                      __ATOMIC_ACQUIRE)) {
        known = slot + 1;
        if (slot < slots_in_block) {
          __atomic_store_n(&place_, first_place + sizeof(void*) * slot, __ATOMIC_RELEASE);
        }
      } else {
        TlsFree(slot);  // another thread was faster
      }
    }
    slot = known - 1;
    return true;
  }

  static bool find_callback(unsigned long& callback) noexcept {
    unsigned long known = __atomic_load_n(&callback_plus_one_, __ATOMIC_ACQUIRE);
    if (known == 0) {
      callback = FlsAlloc(&end);
      if (callback == none) return false;
      if (__atomic_compare_exchange_n(&callback_plus_one_, &known, callback + 1, false,
                                      __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE)) {
        return true;
      }
      FlsFree(callback);
    }
    callback = known - 1;
    return true;
  }

  static void __stdcall end(void* value) noexcept {
    OwnSeat* const own = static_cast<OwnSeat*>(value);
    if (&mine() != own || Process::is_ending()) return;
    const KeepLastError keep_last_error;
    own->end(own->heap, *own);
    unsigned long slot;
    // What is released later goes to the heap: there would be nobody to give a cache back.
    if (!find_slot(slot) || !TlsSetValue(slot, static_cast<Seat*>(&nobody_))) return;
    HeapFree(GetProcessHeap(), 0, own->memory);
  }

  static inline constinit size_t place_ = 0;  // in the thread's block; 0: none yet, or not there
  static inline constinit unsigned long slot_plus_one_ = 0;
  static inline constinit unsigned long callback_plus_one_ = 0;
  alignas(64) static inline constinit Nobody nobody_;
};

}  // namespace rsb::platform
