// Linux without a C library: pages by raw system calls, for -nostdlib programs. x86-64 and aarch64.
#pragma once

#include "rsb/lock.hpp"
#include "rsb/options.hpp"
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
    if (base != nullptr) refuse_huge_pages(base, bytes);
    return base;
  }

  [[gnu::noinline]] bool release(void* base, size_t bytes) noexcept {
    if (!unmap(base, bytes)) return false;
    __atomic_fetch_sub(&acquired_, static_cast<intptr_t>(bytes), __ATOMIC_RELAXED);
    return true;
  }

  [[gnu::noinline]] bool discard(void* base, size_t bytes) noexcept {
    constexpr uintptr_t dont_need = 4;
    return system_call(sys_madvise, address_of(base), bytes, dont_need) == 0;
  }

  // In two steps. Before Linux 6.17 pages that lie in two mappings (of which one was moved here
  // before) cannot be moved at once, and a move to a given address has unmapped what was there by
  // the time it fails. So the first step goes where the kernel likes, and harms nothing when it
  // fails; what it moved is one mapping.
  [[gnu::noinline]] bool move(void* from, size_t bytes, void* to) noexcept {
    constexpr uintptr_t may_move = 1, fixed = 2, dont_unmap = 4;
    const long between =
        system_call(sys_mremap, address_of(from), bytes, bytes, may_move | dont_unmap);
    if (is_error(between)) return false;
    const uintptr_t pages = static_cast<uintptr_t>(between);
    const long result =
        system_call(sys_mremap, pages, bytes, bytes, may_move | fixed, address_of(to));
    // Out of mappings. The target may be gone: without it nothing is right any more.
    if (is_error(result)) __builtin_trap();
    return true;
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

  static char* map(size_t bytes) noexcept {
    constexpr uintptr_t read_write = 1 | 2;
    constexpr uintptr_t private_anonymous_noreserve = 0x2 | 0x20 | 0x4000;
    const long result =
        system_call(sys_mmap, 0, bytes, read_write, private_anonymous_noreserve, ~uintptr_t{0}, 0);
    return is_error(result) ? nullptr : reinterpret_cast<char*>(result);
  }

  static bool unmap(void* base, size_t bytes) noexcept {
    return !is_error(system_call(sys_munmap, address_of(base), bytes));
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
      system_call(sys_sched_yield);
      return;
    }
    const struct { long seconds, nanoseconds; } nap{0, 50'000};
    system_call(sys_nanosleep, address_of(&nap));
  }
};

using Lock = BasicSpinLock<YieldThenSleep>;

inline constexpr Options options{};

// There is no errno. Not inline: the C names call it, so whoever links the built instance gets all
// of process.cpp.
void invalid_argument() noexcept;
inline void exhausted() noexcept {}

}  // namespace rsb::platform
