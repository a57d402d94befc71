// POSIX with a C library: pages by mmap, a lock that costs no atomics in a process with one thread
// and that survives fork. errno stays as it was in all of it.
#pragma once

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#endif

#include "rsb/fault.hpp"
#include "rsb/lock.hpp"
#include "rsb/options.hpp"

namespace rsb::platform {

class KeepErrno {
 public:
  KeepErrno() noexcept : saved_(errno) {}
  ~KeepErrno() { errno = saved_; }
  KeepErrno(const KeepErrno&) = delete;
  KeepErrno& operator=(const KeepErrno&) = delete;

 private:
  const int saved_;
};

// Satisfies rsb::PageSource, and every optional part of it that mmap can offer.
class Pages {
 public:
  static constexpr bool zeroed = true;
  static constexpr bool trusted = true;

  [[gnu::noinline]] bool accepts_page(size_t bytes) noexcept {
    return bytes % static_cast<size_t>(sysconf(_SC_PAGESIZE)) == 0;
  }

  [[gnu::noinline]] void* acquire(size_t bytes, size_t alignment) noexcept {
    const KeepErrno keep_errno;
    char* const base = map_aligned(bytes, alignment);
    if (base == nullptr) return nullptr;
    count(base, bytes, alignment);
    return base;
  }

  [[gnu::noinline]] bool release(void* base, size_t bytes) noexcept {
    const KeepErrno keep_errno;
    if (munmap(base, bytes) != 0) return false;
    __atomic_fetch_sub(&acquired_, bytes, __ATOMIC_RELAXED);
    return true;
  }

  [[gnu::noinline]] bool discard(void* base, size_t bytes) noexcept {
    const KeepErrno keep_errno;
    return madvise(base, bytes, MADV_DONTNEED) == 0;
  }

#if defined(MREMAP_DONTUNMAP)
  // In two steps. Before Linux 6.17 pages that lie in two mappings (of which one was moved here
  // before) cannot be moved at once, and a move to a given address has unmapped what was there by
  // the time it fails. So the first step goes where the kernel likes, and harms nothing when it
  // fails; what it moved is one mapping.
  [[gnu::noinline]] bool move(void* from, size_t bytes, void* to) noexcept {
    const KeepErrno keep_errno;
    void* const between = mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, nullptr);
    if (between == MAP_FAILED) return false;
    // Out of mappings. The target may be gone: without it nothing is right any more.
    if (mremap(between, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to) != to) __builtin_trap();
    return true;
  }
#endif

 private:
  static constexpr size_t huge_page = 2 * MiB;

  // With so much acquired, memory for many small blocks comes in huge pages where the system has
  // them. Below, most of a huge page might stay unused; above, what is lost at the end of the last
  // one matters less than misses of the TLB.
  static constexpr size_t huge_from = 128 * MiB;

  void count([[maybe_unused]] char* base, size_t bytes,
             [[maybe_unused]] size_t alignment) noexcept {
    [[maybe_unused]] const size_t before = __atomic_fetch_add(&acquired_, bytes, __ATOMIC_RELAXED);
#if defined(MADV_HUGEPAGE)
    if (before >= huge_from) {
      if (alignment >= huge_page) madvise(base, bytes, MADV_HUGEPAGE);
    } else if (!accepts_page(4 * KiB)) {
      // The larger the page, the larger the huge page: 32 MiB on kernels with pages of 16 KiB.
      // Where they are given unasked, the first byte written would cost all of one.
      madvise(base, bytes, MADV_NOHUGEPAGE);
    }
#endif
  }

  static char* map_aligned(size_t bytes, size_t alignment) noexcept {
    char* const direct = map(bytes);
    if (direct == nullptr || is_aligned(direct, alignment)) return direct;
    munmap(direct, bytes);
    // The kernel aligns to its own page only: map more, and return what is too much at both ends.
    size_t more;
    if (__builtin_add_overflow(bytes, alignment, &more)) return nullptr;
    char* const base = map(more);
    if (base == nullptr) return nullptr;
    char* const aligned = align_up(base, alignment);
    if (aligned != base) munmap(base, bytes_from(base, aligned));
    const size_t behind = bytes_from(aligned + bytes, base + more);
    if (behind != 0) munmap(aligned + bytes, behind);
    return aligned;
  }

  static char* map(size_t bytes) noexcept {
    void* const p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? nullptr : static_cast<char*>(p);
  }

  size_t acquired_ = 0;  // bytes
};

// While there is one, the thread is not cancelled: no function of C or POSIX that allocates or
// releases is a cancellation point (POSIX.1, 2.9.5.2). A thread that ended inside would leave the
// locks of its caller taken, and the heap's perhaps.
class NoCancellation {
 public:
  NoCancellation() noexcept { pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_); }
  ~NoCancellation() { pthread_setcancelstate(before_, nullptr); }
  NoCancellation(const NoCancellation&) = delete;
  NoCancellation& operator=(const NoCancellation&) = delete;

 private:
  int before_;
};

struct Scheduler {
  static void yield() noexcept { sched_yield(); }
  static void sleep(unsigned microseconds) noexcept {
    const KeepErrno keep_errno;
    const NoCancellation no_cancellation;
    const timespec nap{0, static_cast<long>(microseconds) * 1'000};
    nanosleep(&nap, nullptr);
  }
};

using YieldThenSleep = rsb::YieldThenSleep<Scheduler>;

// A spinlock that knows its owner, and that is only marked as taken while the C library says that
// the process has one thread: no thread can come into being inside, since nothing is called from
// there. Who waits for what it holds itself, a signal handler that interrupted a call, is in a
// fault. Satisfies rsb::Lock and rsb::TryLock.
class Lock {
 public:
  constexpr Lock() noexcept = default;

  void lock() noexcept {
    if (!try_lock()) [[unlikely]]
      wait();
  }

  // In a signal handler, too: the thread may be inside already.
  bool try_lock() noexcept {
    if (is_free_for_only_thread()) [[likely]] {
      __atomic_store_n(&owner_, only_thread, __ATOMIC_RELAXED);
      __atomic_signal_fence(__ATOMIC_ACQUIRE);
      return true;
    }
    uintptr_t expected = nobody;
    return __atomic_compare_exchange_n(&owner_, &expected, this_thread(), false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
  }

  void unlock() noexcept { __atomic_store_n(&owner_, nobody, __ATOMIC_RELEASE); }

  // In a signal handler, too.
  bool is_held_by_this_thread() const noexcept {
    const uintptr_t owner = __atomic_load_n(&owner_, __ATOMIC_RELAXED);
    return owner == this_thread() || owner == only_thread;
  }

  // Around fork: the child has a copy of the lock and of the heap, but only the forking thread, so
  // nobody else may be inside. If the forking thread itself is (fork in a signal handler that
  // interrupted it, perhaps in another fork), it must not wait for itself, nor unlock what it did
  // not lock. Several threads may fork at once, so what is remembered in between is each thread's
  // own.
  void lock_for_fork() noexcept {
    if (is_held_by_this_thread()) {
      forks_inside_++;
    } else {
      lock();
    }
  }
  void unlock_in_parent() noexcept {
    if (forks_inside_ != 0) {
      forks_inside_--;
    } else {
      unlock();
    }
  }
  void reset_in_child() noexcept {
    forks_inside_ = 0;
    unlock();
  }

 private:
  static constexpr uintptr_t nobody = 0;
  static constexpr uintptr_t only_thread = 256;  // more than process_has_one_thread() ever is

  // 0: there may be others.
  static uintptr_t process_has_one_thread() noexcept {
#if __has_include(<sys/single_threaded.h>)
    return static_cast<unsigned char>(__libc_single_threaded);
#else
    return 0;
#endif
  }

  // Whether there is one thread, and it is not inside. Not an atomic read, so that it is one
  // comparison; where there are others who could write, what is read does not matter.
  [[gnu::no_sanitize_thread]] bool is_free_for_only_thread() const noexcept {
#if defined(__SANITIZE_THREAD__)  // by GCC, which forgets that when it inlines
    return __atomic_load_n(&owner_, __ATOMIC_RELAXED) < process_has_one_thread();
#else
    return owner_ < process_has_one_thread();
#endif
  }

  // Some address that is each thread's own.
  static uintptr_t this_thread() noexcept {
    return address_of(&forks_inside_);
  }

  [[gnu::noinline, gnu::cold]] void wait() noexcept {
    const uintptr_t owner = __atomic_load_n(&owner_, __ATOMIC_RELAXED);
    const bool is_only_thread = owner == only_thread && process_has_one_thread() != 0;
    if (owner == this_thread() || is_only_thread) raise(Fault::call_inside_call, nullptr);
    BackOff<YieldThenSleep> back_off;
    do {
      while (__atomic_load_n(&owner_, __ATOMIC_RELAXED) != nobody) back_off.pause();
    } while (!try_lock());
  }

  [[gnu::tls_model("initial-exec")]] static inline thread_local constinit unsigned forks_inside_ =
      0;

  uintptr_t owner_ = nobody;
};

inline constexpr Options options{};

// An allocation has failed: errno says so.
void exhausted() noexcept;
// An alignment was no power of two. Not inline: the C names call it, so whoever links the built
// instance gets all of process.cpp.
void invalid_argument() noexcept;

}  // namespace rsb::platform
