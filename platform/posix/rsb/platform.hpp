// SPDX-License-Identifier: MIT OR Apache-2.0
// POSIX with a C library: pages by mmap, a lock that costs no atomics in a process with one thread
// and that survives fork. errno stays as it was in all of it.
#pragma once

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#if defined(__linux__)
#include <sys/auxv.h>
#endif
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#if __has_include(<sys/single_threaded.h>)
#include <sys/single_threaded.h>
#endif

#include "rsb/fault.hpp"
#include "rsb/lock.hpp"
#include "rsb/options.hpp"
#include "rsb/page_source.hpp"

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
    if (base == nullptr) return nullptr;
    refuse_huge_pages(base, bytes);
    if (alignment >= huge_page) {
      __atomic_fetch_add(&acquired_, static_cast<intptr_t>(bytes), __ATOMIC_RELAXED);
    }
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
    if (madvise(base, bytes, MADV_DONTNEED) == 0) return true;
    return errno == EINVAL && madvise(base, bytes, dont_need_locked) == 0;
  }

  [[gnu::noinline]] bool protect(void* base, size_t bytes) noexcept {
    const KeepErrno keep_errno;
    return mprotect(base, bytes, PROT_NONE) == 0;
  }
  [[gnu::noinline]] bool unprotect(void* base, size_t bytes) noexcept {
    const KeepErrno keep_errno;
    return mprotect(base, bytes, PROT_READ | PROT_WRITE) == 0;
  }

  // Locked memory (mlockall) is filled as soon as it is mapped, unless there is no access to it;
  // and that it is locked shows in what can be advised about it. Mapped twice and not protected
  // anew, for which Valgrind's memcheck takes seconds a GiB.
  [[gnu::noinline]] bool has_to_spare(size_t bytes) noexcept {
    const KeepErrno keep_errno;
    return can_map(bytes, PROT_NONE) && can_map(bytes, PROT_READ | PROT_WRITE);
  }

#if defined(MREMAP_DONTUNMAP)
  // In two steps. Before Linux 6.17 pages that lie in two mappings (of which one was moved here
  // before) cannot be moved at once, and a move to a given address may have unmapped what was there
  // by the time it fails. So the first step goes where the kernel likes, and harms nothing when it
  // fails; what it moved is one mapping. When the second fails (there are as many mappings as may
  // be, a filter of system calls), whether the target is still there cannot be told for certain:
  // another thread may have mapped something in its place.
  [[gnu::noinline]] Move move(void* from, size_t bytes, void* to) noexcept {
    const KeepErrno keep_errno;
    void* const between = mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, nullptr);
    if (between == MAP_FAILED) return Move::refused;
    if (mremap(between, bytes, bytes, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to) return Move::done;
    move_back(static_cast<char*>(between), bytes, static_cast<char*>(from));
    return Move::target_lost;
  }
#endif

#if defined(__linux__)
  // For rsb::KnowsRandom: of the 16 bytes that each program gets from the kernel when it starts. No
  // system call, which might be refused. The C library makes secrets of its own from them: so all
  // go in, and few bits come out.
  [[gnu::noinline]] static uint32_t random() noexcept {
    const KeepErrno keep_errno;
    const unsigned long bytes = getauxval(AT_RANDOM);
    if (bytes == 0) return 0;
    uint32_t words[4];
    __builtin_memcpy(words, reinterpret_cast<const void*>(bytes), sizeof words);
    uint32_t sum = 0;
    for (const uint32_t word : words) {
      sum = (sum ^ word) * 0x9e3779b1u;
      sum ^= sum >> 15;
    }
    return sum;
  }
#endif

 private:
#if defined(MREMAP_DONTUNMAP)
  // To where memory still is: by copying, which nothing can refuse. What has been copied is given
  // back from its beginning on, for which no further mapping is needed.
  [[gnu::cold]] static void move_back(char* between, size_t bytes, char* from) noexcept {
    for (size_t done = 0, step; done < bytes; done += step) {
      step = smaller(bytes - done, huge_page);
      __builtin_memcpy(from + done, between + done, step);
      munmap(between + done, step);
    }
  }
#endif

  static bool can_map(size_t bytes, int access) noexcept {
    void* const p = mmap(nullptr, bytes, access, map_flags, -1, 0);
    if (p == MAP_FAILED) return false;
    const bool is_locked = madvise(p, bytes, MADV_DONTNEED) != 0;
    munmap(p, bytes);
    return !is_locked;
  }

  static constexpr int map_flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;

  // Since Linux 5.18; not in every C library's headers.
  static constexpr int dont_need_locked = 24;

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
    void* const p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, map_flags, -1, 0);
    return p == MAP_FAILED ? nullptr : static_cast<char*>(p);
  }

  // Bytes, without what is sparse: that says nothing about the program's size. Sparse memory that
  // is released, which happens only if two threads want it at once, counts as less than none.
  intptr_t acquired_ = 0;
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

// While there is one, no signal handler interrupts the thread.
class AllSignalsBlocked {
 public:
  AllSignalsBlocked() noexcept {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before_);
  }
  ~AllSignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  AllSignalsBlocked(const AllSignalsBlocked&) = delete;
  AllSignalsBlocked& operator=(const AllSignalsBlocked&) = delete;

 private:
  sigset_t before_;
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

  void unlock() noexcept {
    if (resting_ != nobody) [[unlikely]]
      return unlock_around_fork();
    __atomic_store_n(&owner_, nobody, __ATOMIC_RELEASE);
  }

  // The same, and shorter, after try_lock(): which does not succeed among threads around a fork.
  void unlock_after_try() noexcept { __atomic_store_n(&owner_, nobody, __ATOMIC_RELEASE); }

  // Whether the thread is inside. In a signal handler, too.
  bool is_held_by_this_thread() const noexcept {
    const uintptr_t owner = __atomic_load_n(&owner_, __ATOMIC_RELAXED);
    return owner == this_thread() || owner == only_thread;
  }

  // Around fork, see rsb::KnowsFork. What a fork in a signal handler finds that interrupted its
  // thread inside, perhaps in another fork, it neither waits for nor gives up.
  void lock_for_fork() noexcept {
    if (try_lock_for_fork()) return;
    lock();
    hold_for_fork();
  }
  bool try_lock_for_fork() noexcept {
    if (is_held_by_this_thread() || is_held_for_fork()) {
      forks_inside_++;
      return true;
    }
    if (!try_lock()) return false;
    hold_for_fork();
    return true;
  }
  void hold_for_fork() noexcept {
    __atomic_store_n(&resting_, at_fork(), __ATOMIC_RELAXED);
    unlock();
  }
  bool is_held_for_fork() const noexcept {
    return __atomic_load_n(&resting_, __ATOMIC_RELAXED) == at_fork();
  }
  // With signals blocked, like reset_in_child(): what a handler finds in between is no whole state.
  void unlock_in_parent() noexcept {
    if (forks_inside_ != 0) {
      forks_inside_--;
    } else if (is_held_for_fork()) {
      __atomic_store_n(&resting_, nobody, __ATOMIC_RELAXED);
      unlock();
    }
  }
  // What the fork interrupted goes on in the child, and unlocks.
  void reset_in_child() noexcept {
    const bool is_inside = is_held_by_this_thread() && forks_inside_ != 0;
    forks_inside_ = 0;
    __atomic_store_n(&resting_, nobody, __ATOMIC_RELAXED);
    if (!is_inside) unlock();
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

  static uintptr_t this_thread() noexcept {
    return address_of(&some_address_);
  }

  // The thread that forks, inside no call.
  static uintptr_t at_fork() noexcept {
    return this_thread() + 1;
  }

  // Not with what was read before: a handler may fork, and its child has the lock free.
  [[gnu::noinline, gnu::cold]] void unlock_around_fork() noexcept {
    const AllSignalsBlocked all_blocked;
    __atomic_store_n(&owner_, __atomic_load_n(&resting_, __ATOMIC_RELAXED), __ATOMIC_RELEASE);
  }

  [[gnu::noinline, gnu::cold]] void wait() noexcept {
    const uintptr_t owner = __atomic_load_n(&owner_, __ATOMIC_RELAXED);
    if (owner == at_fork()) {
      __atomic_store_n(&owner_, this_thread(), __ATOMIC_RELAXED);
      return;
    }
    const bool is_only_thread = owner == only_thread && process_has_one_thread() != 0;
    if (owner == this_thread() || is_only_thread) raise(Fault::call_inside_call, nullptr);
    BackOff<YieldThenSleep> back_off;
    do {
      while (__atomic_load_n(&owner_, __ATOMIC_RELAXED) != nobody) back_off.pause();
    } while (!try_lock());
  }

  // Each thread's own.
  [[gnu::tls_model("initial-exec")]] static inline thread_local constinit unsigned some_address_ =
      0;

  uintptr_t owner_ = nobody;
  uintptr_t resting_ = nobody;  // what owner_ is while nobody is inside
  unsigned forks_inside_ = 0;   // of the thread that is inside, or forks; under the lock
};

inline constexpr Options options{};

// An allocation has failed: errno says so.
void exhausted() noexcept;
// An alignment was no power of two. Not inline: the C names call it, so whoever links the built
// instance gets all of process.cpp.
void invalid_argument() noexcept;

}  // namespace rsb::platform
