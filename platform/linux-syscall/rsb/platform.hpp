// SPDX-License-Identifier: MIT OR Apache-2.0
// Linux without a C library: pages by raw system calls, for -nostdlib programs. x86-64 and aarch64.
#pragma once

#include "rsb/lock.hpp"
#include "rsb/options.hpp"
#include "rsb/page_source.hpp"
#include "rsb/syscall.hpp"

namespace rsb::platform {

// Satisfies rsb::PageSource, and every optional part of it that mmap can offer.
class Pages {
 public:
  static constexpr bool zeroed = true;
  static constexpr bool trusted = true;

  // Nothing is advised about no memory at an address of one page: that fails only if the address is
  // not a multiple of the kernel's page.
  [[gnu::noinline]] bool accepts_page(size_t bytes) noexcept {
    constexpr uintptr_t normal = 0;
    return system_call(sys_madvise, bytes, 0, normal) == 0;
  }

  [[gnu::noinline]] void* acquire(size_t bytes, size_t alignment) noexcept {
    char* const base = map_aligned(bytes, alignment);
    if (base == nullptr) return nullptr;
    const intptr_t before =
        __atomic_fetch_add(&acquired_, static_cast<intptr_t>(bytes), __ATOMIC_RELAXED);
    // The larger the page, the larger the huge page: 32 MiB on kernels with pages of 16 KiB.
    if ((alignment >= huge_page && before < small_until) || !accepts_page(4 * KiB)) {
      refuse_huge_pages(base, bytes);
    }
    return base;
  }

  [[gnu::noinline]] void* acquire_sparse(size_t bytes, size_t alignment) noexcept {
    char* const base = map_aligned(bytes, alignment);
    if (base == nullptr) return nullptr;
    refuse_huge_pages(base, bytes);
    if (alignment >= huge_page) {
      __atomic_fetch_add(&acquired_, static_cast<intptr_t>(bytes), __ATOMIC_RELAXED);
    }
    return base;
  }

  [[gnu::noinline]] bool release(void* base, size_t bytes) noexcept {
    if (!unmap(base, bytes)) return false;
    __atomic_fetch_sub(&acquired_, static_cast<intptr_t>(bytes), __ATOMIC_RELAXED);
    return true;
  }

  [[gnu::noinline]] bool discard(void* base, size_t bytes) noexcept {
    constexpr long invalid = -22;
    constexpr uintptr_t dont_need_locked = 24;  // since Linux 5.18
    const long result = system_call(sys_madvise, address_of(base), bytes, dont_need);
    if (result != invalid) return result == 0;
    return system_call(sys_madvise, address_of(base), bytes, dont_need_locked) == 0;
  }

  [[gnu::noinline]] bool protect(void* base, size_t bytes) noexcept {
    constexpr uintptr_t nothing = 0;
    return system_call(sys_mprotect, address_of(base), bytes, nothing) == 0;
  }
  [[gnu::noinline]] bool unprotect(void* base, size_t bytes) noexcept {
    return system_call(sys_mprotect, address_of(base), bytes, read_write) == 0;
  }

  // Locked memory (mlockall) is filled as soon as it is mapped, unless there is no access to it;
  // and that it is locked shows in what can be advised about it. Mapped twice and not protected
  // anew, for which Valgrind's memcheck takes seconds a GiB.
  [[gnu::noinline]] bool has_to_spare(size_t bytes) noexcept {
    return can_map(bytes, 0) && can_map(bytes, read_write);
  }

  // In two steps. Before Linux 6.17 pages that lie in two mappings (of which one was moved here
  // before) cannot be moved at once, and a move to a given address may have unmapped what was there
  // by the time it fails. So the first step goes where the kernel likes, and harms nothing when it
  // fails; what it moved is one mapping. When the second fails (there are as many mappings as may
  // be, a filter of system calls), whether the target is still there cannot be told for certain:
  // another thread may have mapped something in its place.
  [[gnu::noinline]] Move move(void* from, size_t bytes, void* to) noexcept {
    constexpr uintptr_t may_move = 1, fixed = 2, dont_unmap = 4;
    const long between =
        system_call(sys_mremap, address_of(from), bytes, bytes, may_move | dont_unmap);
    if (is_error(between)) return Move::refused;
    const uintptr_t pages = static_cast<uintptr_t>(between);
    const long result =
        system_call(sys_mremap, pages, bytes, bytes, may_move | fixed, address_of(to));
    if (!is_error(result)) return Move::done;
    move_back(reinterpret_cast<char*>(between), bytes, static_cast<char*>(from));
    return Move::target_lost;
  }

  // For rsb::KnowsRandom. 0 where the kernel refuses, or has nothing random yet.
  [[gnu::noinline]] static uint32_t random() noexcept {
    constexpr uintptr_t dont_wait = 1;
    uint32_t random = 0;
    system_call(sys_getrandom, address_of(&random), sizeof random, dont_wait);
    return random;
  }

 private:
  static constexpr size_t huge_page = 2 * MiB;

  // Where the system gives huge pages unasked the first byte written to a piece (memory for many
  // blocks, aligned to huge pages) costs all of one: more than a small program's whole heap. With
  // so much acquired it is small no more.
  static constexpr intptr_t small_until = 32 * MiB;

  static void refuse_huge_pages(char* base, size_t bytes) noexcept {
    constexpr uintptr_t no_huge_page = 15;
    system_call(sys_madvise, address_of(base), bytes, no_huge_page);
  }

  // To where memory still is: by copying, which nothing can refuse. What has been copied is given
  // back from its beginning on, for which no further mapping is needed.
  [[gnu::cold]] static void move_back(char* between, size_t bytes, char* from) noexcept {
    for (size_t done = 0, step; done < bytes; done += step) {
      step = smaller(bytes - done, huge_page);
      __builtin_memcpy(from + done, between + done, step);
      unmap(between + done, step);
    }
  }

  static char* map_aligned(size_t bytes, size_t alignment) noexcept {
    char* const direct = map(bytes);
    if (direct == nullptr || is_aligned(direct, alignment)) return direct;
    unmap(direct, bytes);
    // The kernel aligns to its own page only: map more, and return what is too much at both ends.
    size_t more;
    if (__builtin_add_overflow(bytes, alignment, &more)) return nullptr;
    char* const base = map(more);
    if (base == nullptr) return nullptr;
    char* const aligned = align_up(base, alignment);
    if (aligned != base) unmap(base, bytes_from(base, aligned));
    const size_t behind = bytes_from(aligned + bytes, base + more);
    if (behind != 0) unmap(aligned + bytes, behind);
    return aligned;
  }

  static constexpr uintptr_t read_write = 1 | 2;
  static constexpr uintptr_t dont_need = 4;

  static char* map(size_t bytes, uintptr_t access = read_write) noexcept {
    constexpr uintptr_t private_anonymous_noreserve = 0x2 | 0x20 | 0x4000;
    const long result =
        system_call(sys_mmap, 0, bytes, access, private_anonymous_noreserve, ~uintptr_t{0}, 0);
    return is_error(result) ? nullptr : reinterpret_cast<char*>(result);
  }

  static bool can_map(size_t bytes, uintptr_t access) noexcept {
    char* const p = map(bytes, access);
    if (p == nullptr) return false;
    const bool is_locked = system_call(sys_madvise, address_of(p), bytes, dont_need) != 0;
    unmap(p, bytes);
    return !is_locked;
  }

  static bool unmap(void* base, size_t bytes) noexcept {
    return !is_error(system_call(sys_munmap, address_of(base), bytes));
  }

  // Bytes, without what is sparse: that says nothing about the program's size. Sparse memory that
  // is released, which happens only if two threads want it at once, counts as less than none.
  intptr_t acquired_ = 0;
};

struct Scheduler {
  static void yield() noexcept { system_call(sys_sched_yield); }
  static void sleep(unsigned microseconds) noexcept {
    const struct { long seconds, nanoseconds; } nap{0, static_cast<long>(microseconds) * 1'000};
    system_call(sys_nanosleep, address_of(&nap));
  }
};

using YieldThenSleep = rsb::YieldThenSleep<Scheduler>;
using Lock = BasicSpinLock<YieldThenSleep>;

inline constexpr Options options{};

// There is no errno. Not inline: the C names call it, so whoever links the built instance gets all
// of process.cpp.
void invalid_argument() noexcept;
inline void exhausted() noexcept {}

}  // namespace rsb::platform
