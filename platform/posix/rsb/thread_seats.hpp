// SPDX-License-Identifier: MIT OR Apache-2.0
// A seat for each thread, for a heap with caches (rsb/cached_heap.hpp): thread-local, and given up
// by a destructor of thread-specific data.
#pragma once

#include <pthread.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif

#include "rsb/platform.hpp"
#include "rsb/seat.hpp"

namespace rsb::platform {

// Makes all threads of the process see what the calling one has stored, as if each had executed a
// full barrier. The price falls on the caller: a few microseconds, more the more processors are
// busy with the process.
#if defined(__linux__)
struct Barriers {
  static void light() noexcept { __atomic_signal_fence(__ATOMIC_SEQ_CST); }

  // False before Linux 4.14, and where a filter of system calls forbids it.
  [[gnu::noinline]] static bool heavy() noexcept {
    const KeepErrno keep_errno;
    if (call(private_expedited)) return true;
    return call(register_private_expedited) && call(private_expedited);
  }

 private:
  // membarrier(2). The header that names them is the kernel's, and not every C library brings it.
  static constexpr int private_expedited = 1 << 3;
  static constexpr int register_private_expedited = 1 << 4;

  static bool call(int command) noexcept { return syscall(SYS_membarrier, command, 0, 0) == 0; }
};
#else
struct Barriers {
  static void light() noexcept { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
  static bool heavy() noexcept {
    light();
    return true;
  }
};
#endif

// The built instance's. Of a cache's memory only what has been in use counts.
inline constexpr CacheOptions caches{.all_bytes = 32 * MiB, .run_bytes = 1 * MiB};

// Satisfies rsb::Seats. Tag: any type that belongs to one heap object, since a thread has one seat
// for each Tag.
template <class Tag>
class ThreadSeats {
 public:
  using Wait = YieldThenSleep;

  [[gnu::always_inline]] static Seat& mine() noexcept { return seat_; }
  static void light_barrier() noexcept { Barriers::light(); }
  static bool heavy_barrier() noexcept { return Barriers::heavy(); }

  // Four for each processor.
  static unsigned caches() noexcept {
    const KeepErrno keep_errno;
    const NoCancellation no_cancellation;  // the C library may read a file
    const long processors = sysconf(_SC_NPROCESSORS_ONLN);
    return 4 * static_cast<unsigned>(processors > 0 ? processors : 1);
  }

  static bool at_thread_end(Seat&, ThreadEnd end, void* heap) noexcept {
    const KeepErrno keep_errno;
    pthread_key_t key;
    if (!find_key(key)) return false;
    end_ = end;
    return pthread_setspecific(key, heap) == 0;
  }

 private:
  // The process's key, made by the first thread that wants it.
  static bool find_key(pthread_key_t& key) noexcept {
    static_assert(sizeof(pthread_key_t) <= sizeof(unsigned long));
    unsigned long known = __atomic_load_n(&key_plus_one_, __ATOMIC_ACQUIRE);
    if (known == 0) {
      if (pthread_key_create(&key, [](void* heap) { end_(heap, seat_); }) != 0) return false;
      const unsigned long mine = static_cast<unsigned long>(key) + 1;
      if (__atomic_compare_exchange_n(&key_plus_one_, &known, mine, false, __ATOMIC_ACQ_REL,
                                      __ATOMIC_ACQUIRE)) {
        return true;
      }
      pthread_key_delete(key);  // another thread was faster
    }
    key = static_cast<pthread_key_t>(known - 1);
    return true;
  }

  [[gnu::tls_model("initial-exec")]] static inline thread_local constinit Seat seat_{};
  [[gnu::tls_model("initial-exec")]] static inline thread_local constinit ThreadEnd end_ = nullptr;
  static inline constinit unsigned long key_plus_one_ = 0;
};

}  // namespace rsb::platform
