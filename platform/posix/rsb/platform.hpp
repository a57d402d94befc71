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

  [[gnu::noinline]] void* acquire_sparse(size_t bytes, size_t alignment) noexcept {
    const KeepErrno keep_errno;
    char* const base = map_aligned(bytes, alignment);
    if (base != nullptr) refuse_huge_pages(base, bytes);
    return base;
  }

  [[gnu::noinline]] bool release(void* base, size_t bytes) noexcept {
    const KeepErrno keep_errno;
    if (munmap(base, bytes) != 0) return false;
    __atomic_fetch_sub(&acquired_, static_cast<intptr_t>(bytes), __ATOMIC_RELAXED);
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

  // Where the system gives huge pages unasked, as Debian's does, the first byte written to a piece
  // (memory for many blocks, aligned to huge pages) costs all of one: more than a small program's
  // whole heap. With so much acquired it is small no more, and the system may do as it likes; nor
  // is it told what to do for a large block, which is a matter between it and the program.
  static constexpr intptr_t small_until = 32 * MiB;

  // With so much, pieces come in huge pages where the system has them. Below, most of a huge page
  // might stay unused; above, what is lost at the end of the last one matters less than misses of
  // the TLB.
  static constexpr intptr_t huge_from = 128 * MiB;

  void count(char* base, size_t bytes, size_t alignment) noexcept {
    const intptr_t before =
        __atomic_fetch_add(&acquired_, static_cast<intptr_t>(bytes), __ATOMIC_RELAXED);
    const bool is_piece = alignment >= huge_page;
    if (before >= huge_from) {
      if (is_piece) ask_for_huge_pages(base, bytes);
    } else if ((is_piece && before < small_until) || !accepts_page(4 * KiB)) {
      // The larger the page, the larger the huge page: 32 MiB on kernels with pages of 16 KiB.
      refuse_huge_pages(base, bytes);
    }
  }

#if defined(MADV_HUGEPAGE)
  static void ask_for_huge_pages(char* base, size_t bytes) noexcept {
    madvise(base, bytes, MADV_HUGEPAGE);
  }
  static void refuse_huge_pages(char* base, size_t bytes) noexcept {
    madvise(base, bytes, MADV_NOHUGEPAGE);
  }
#else
  static void ask_for_huge_pages(char*, size_t) noexcept {}
  static void refuse_huge_pages(char*, size_t) noexcept {}
#endif

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

  // Bytes, without what is sparse: that says nothing about the program's size. Sparse memory that
  // is released, which happens only if two threads want it at once, counts as less than none.
  intptr_t acquired_ = 0;
};

// Gives the processor to whoever holds the lock; after some rounds sleeps, since yielding does
// nothing for a holder of lower priority.
struct YieldThenSleep {
  static void wait(unsigned round) noexcept {
    constexpr unsigned rounds_of_yield = 16;
    if (round < rounds_of_yield) {
      sched_yield();
      return;
    }
    const KeepErrno keep_errno;
    const timespec nap{0, 50'000};
    nanosleep(&nap, nullptr);
  }
};

// A spinlock that knows its owner, and that is only marked as taken while the C library says that
// the process has one thread: no thread can come into being inside, since nothing is called from
// there. The mark is for signal handlers. Satisfies rsb::Lock, rsb::TryLock and rsb::KnowsHandlers.
class Lock {
 public:
  constexpr Lock() noexcept = default;

  void lock() noexcept {
    if (!try_lock()) [[unlikely]]
      wait();
  }

  bool try_lock() noexcept {
    if (process_has_one_thread()) [[likely]] {
      mark_as_taken();
      return true;
    }
    return try_lock_among_threads();
  }

  // In a signal handler: the thread may be inside already.
  bool try_lock_in_handler() noexcept {
    if (!process_has_one_thread()) return try_lock_among_threads();
    if (__atomic_load_n(&owner_, __ATOMIC_RELAXED) != nobody) return false;
    mark_as_taken();
    return true;
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
  static constexpr uintptr_t only_thread = 1;

  bool try_lock_among_threads() noexcept {
    uintptr_t expected = nobody;
    return __atomic_compare_exchange_n(&owner_, &expected, this_thread(), false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
  }

  void mark_as_taken() noexcept {
    __atomic_store_n(&owner_, only_thread, __ATOMIC_RELAXED);
    __atomic_signal_fence(__ATOMIC_ACQUIRE);
  }

  static bool process_has_one_thread() noexcept {
#if __has_include(<sys/single_threaded.h>)
    return __libc_single_threaded != 0;
#else
    return false;
#endif
  }

  // Some address that is each thread's own.
  static uintptr_t this_thread() noexcept {
    return address_of(&forks_inside_);
  }

  [[gnu::noinline, gnu::cold]] void wait() noexcept {
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
