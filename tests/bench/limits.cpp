// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb_limits: how much of a small process a program can allocate, beside glibc's malloc.
//
// A program takes blocks of 1,000 bytes until there is no more, under one limit of the process
// after the other: of addresses, of data, of locked memory. And one whose memory is all locked
// takes a fixed amount: how much is resident then. Each runs twice, once with the library
// preloaded. The numbers do not depend on the machine's speed or load.
//
//   rsb_limits LIBRARY LEAST   LIBRARY: the shared library; fails where it serves less than LEAST
//                              times what glibc does
#include <grp.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "support/process.hpp"
#include "support/process_of_its_own.hpp"
#include "support/verdict.hpp"

namespace {

using bench::Bound;

constexpr std::size_t KiB = 1024;
constexpr std::size_t MiB = 1024 * KiB;
constexpr std::size_t block_bytes = 1000;

struct Row {
  const char* name;
  __rlimit_resource resource;
  std::size_t bytes;
};

constexpr std::array rows{
    Row{"RLIMIT_AS 16 MiB", RLIMIT_AS, 16 * MiB},
    Row{"RLIMIT_AS 64 MiB", RLIMIT_AS, 64 * MiB},
    Row{"RLIMIT_DATA 8 MiB", RLIMIT_DATA, 8 * MiB},
    Row{"RLIMIT_DATA 32 MiB", RLIMIT_DATA, 32 * MiB},
    Row{"RLIMIT_MEMLOCK 8 MiB, memory locked", RLIMIT_MEMLOCK, 8 * MiB},
};
constexpr const char* all_locked = "48,828 KiB live, memory locked";

[[noreturn]] void fail(const char* what) {
  std::perror(what);
  std::exit(EXIT_FAILURE);
}

// Blocks, one linked to the other, until there are so many or no more.
std::size_t take(std::size_t most) {
  std::size_t count = 0;
  for (void* last = nullptr; count < most; ++count) {
    void* const block = std::malloc(block_bytes);
    if (block == nullptr) break;
    std::memset(block, 1, block_bytes);
    std::memcpy(block, &last, sizeof last);
    last = block;
  }
  return count;
}

// ---- In the process that measures. Nothing there allocates but what is counted. ----

void lock_memory() {
  if (mlockall(MCL_FUTURE) != 0) fail("mlockall");
}

[[noreturn]] void run_row(const char* name) {
  if (std::strcmp(name, all_locked) == 0) {
    lock_memory();
    take(50'000);
    bench::end_with(bench::resident_bytes() / KiB);
  }
  for (const Row& row : rows) {
    if (std::strcmp(name, row.name) != 0) continue;
    const rlimit limit{row.bytes, row.bytes};
    if (setrlimit(row.resource, &limit) != 0) fail("setrlimit");
    if (row.resource == RLIMIT_MEMLOCK) {
      // Who may lock memory anyway is not limited.
      constexpr uid_t nobody = 65534;
      if (geteuid() == 0 &&
          (setgroups(0, nullptr) != 0 || setresuid(nobody, nobody, nobody) != 0)) {
        fail("setresuid");
      }
      lock_memory();
    }
    bench::end_with(take(SIZE_MAX) * block_bytes / KiB);
  }
  std::exit(EXIT_FAILURE);
}

// ---- In the one that compares ----

double kib_with(const char* library, const char* row) {
  const auto kib = bench::result_with<std::size_t>(library, "--row", row);
  if (!kib) std::puts("  no answer");
  return kib ? static_cast<double>(*kib) : 0;
}

bool compare(const char* row, const char* library, bench::Target target) {
  const double theirs = kib_with(nullptr, row);
  const double ours = kib_with(library, row);
  std::printf("%s\n", row);
  bench::report("glibc", theirs, "KiB");
  bench::report("rsbmalloc", ours, "KiB");
  return bench::report("ratio", theirs == 0 ? 0 : ours / theirs, "", target) && theirs != 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::strcmp(argv[1], "--row") == 0) run_row(argv[2]);
  if (argc != 3) {
    std::fputs("usage: rsb_limits LIBRARY LEAST\n", stderr);
    return EXIT_FAILURE;
  }
  bool met = true;
  for (const Row& row : rows) {
    met = compare(row.name, argv[1], {Bound::at_least, std::atof(argv[2])}) && met;
  }
  met = compare(all_locked, argv[1], {Bound::at_most, 1.1}) && met;
  return met ? EXIT_SUCCESS : EXIT_FAILURE;
}
