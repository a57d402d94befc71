// SPDX-License-Identifier: MIT OR Apache-2.0
// platform/<name>/rsb/platform.hpp where the system refuses something, or locks memory: beside
// platform_moves_hosted.cpp. What a process cannot undo happens in a child of its own.
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rsb/inspector.hpp"
#include "rsb/platform.hpp"
#include "support/test.hpp"
#include "support/virtual_memory.hpp"

using namespace rsb;

namespace {

struct OverPlatform {
  using Pages = platform::Pages;
  using Lock = platform::Lock;
  static constexpr Options options = platform::options;
};

constinit Heap<OverPlatform> heap;

// Runs f in a child; returns what f returns there, or 128 and the signal that ended it.
template <class F>
int in_child(F f) {
  const pid_t child = fork();
  if (child == 0) _exit(f());
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

// A block in whose way another one lies.
struct Obstructed {
  explicit Obstructed(size_t size) : bytes(size), block(static_cast<char*>(heap.allocate(size))) {
    wall = heap.allocate(size);
    if (block != nullptr) support::fill_pattern(block, bytes, 1);
  }
  size_t bytes;
  char* block;
  void* wall;
};

enum Outcome : int { grown, refused, lost_contents, unsound, no_start };

// Grows a block to twice its size.
Outcome grow(Obstructed& o) {
  if (o.block == nullptr || o.wall == nullptr) return no_start;
  char* const moved = static_cast<char*>(heap.reallocate(o.block, 2 * o.bytes));
  if (!support::holds_pattern(moved != nullptr ? moved : o.block, o.bytes, 1)) {
    return lost_contents;
  }
  if (moved != nullptr) {
    support::fill(moved, 2 * o.bytes, 7);
    o.block = moved;
  }
  heap.deallocate(o.block);
  return inspect(heap).check() != nullptr ? unsound : moved != nullptr ? grown : refused;
}

// From now on no memory is moved to a given address.
bool refuse_moves_to_addresses() {
  sock_filter program[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mremap, 0, 3),
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, args[3])),
      BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MREMAP_FIXED, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog filter{sizeof program / sizeof program[0], program};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// Mappings of a page each, as many as the process may have; some of them can be given up.
class Mappings {
 public:
  Mappings() {
    constexpr size_t most = 2'000'000;
    base_ = static_cast<char*>(
        mmap(nullptr, most * page_, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (base_ == MAP_FAILED) return;
    for (count_ = 1; count_ < most - 1; count_ += 2) {
      if (mprotect(base_ + count_ * page_, page_, PROT_READ) != 0) break;
    }
    are_all_ = count_ < most - 1;
    munmap(base_ + count_ * page_, (most - count_) * page_);
  }
  bool are_all() const { return are_all_; }
  void give_up(size_t count) {
    munmap(base_ + (count_ - count) * page_, count * page_);
    count_ -= count;
  }

 private:
  const size_t page_ = support::page_of_system();
  char* base_ = nullptr;
  size_t count_ = 0;
  bool are_all_ = false;
};

}  // namespace

TEST_CASE("a block that grows keeps its contents when a filter refuses the end of the move") {
  for (const size_t bytes : {1 * MiB, 20 * MiB}) {
    CAPTURE(bytes);
    const int outcome = in_child([&] {
      Obstructed first(bytes);
      Obstructed second(bytes);
      if (!refuse_moves_to_addresses()) return static_cast<int>(no_start);
      const Outcome of_first = grow(first);
      return static_cast<int>(of_first != grown ? of_first : grow(second));
    });
    CHECK(outcome == grown);
  }
}

TEST_CASE("a block that grows keeps its contents at any number of mappings up to the limit") {
  constexpr int no_limit = 99;
  const int outcome = in_child([] {
    Obstructed small(1 * MiB);
    Obstructed large(20 * MiB);
    Mappings all;
    if (!all.are_all()) return no_limit;
    // Those that are given up are more than any move needs.
    for (size_t free = 0; free < 8; free++) {
      for (Obstructed* o : {&small, &large}) {
        const int o_outcome = in_child([&] {
          all.give_up(free);
          return static_cast<int>(grow(*o));
        });
        if (o_outcome != grown && o_outcome != refused) return o_outcome;
      }
    }
    return 0;
  });
  CHECK(outcome == 0);
}

TEST_CASE("there are addresses to spare up to what there is, and they are given back") {
  platform::Pages pages;
  CHECK(pages.has_to_spare(16 * KiB));
  CHECK(pages.has_to_spare(1 * GiB));
  CHECK_FALSE(pages.has_to_spare(support::impossible & ~(16 * KiB - 1)));
  const support::Scarcity scarcity(64 * MiB);
  REQUIRE(scarcity.is_in_force());
  for (int i = 0; i < 10; i++) {
    CHECK(pages.has_to_spare(48 * MiB));
    CHECK_FALSE(pages.has_to_spare(128 * MiB));
  }
}

TEST_CASE("where memory to come is locked there is none to spare, and none of it is filled") {
  const int outcome = in_child([] {
    platform::Pages pages;
    if (mlockall(MCL_FUTURE) != 0) return 1;
    if (pages.acquire(16 * KiB, 16 * KiB) == nullptr) return 2;
    return pages.has_to_spare(16 * KiB) ? 3 : 0;
  });
  CHECK(outcome == 0);
}

TEST_CASE("locked pages are discarded") {
  platform::Pages pages;
  char* const base = static_cast<char*>(pages.acquire(64 * KiB, 16 * KiB));
  REQUIRE(base != nullptr);
  support::fill(base, 64 * KiB, 0xff);
  REQUIRE(mlock(base, 48 * KiB) == 0);
  CHECK(pages.discard(base, 32 * KiB));
  CHECK(support::holds_only(base, 32 * KiB, 0));
  CHECK(support::holds_only(base + 32 * KiB, 32 * KiB, 0xff));
  CHECK(pages.release(base, 64 * KiB));
}
