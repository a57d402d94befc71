// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb_refusals: what a request that cannot be met costs, as a multiple of glibc's malloc beside it.
//
// In turns, a round of the one and a round of the other, so that a slow minute of the machine falls
// on both; the medians of all rounds. Prints them with the target, and fails if it is missed.
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "rsb/rsb.h"
#include "support/verdict.hpp"

namespace {

constexpr std::size_t MiB = 1024 * 1024;
constexpr std::size_t all_addresses = std::size_t{1} << 47;

struct Allocator {
  void* (*allocate)(std::size_t);
  void (*release)(void*);
};
constexpr Allocator glibc{&std::malloc, &std::free};
constexpr Allocator ours{&rsb_malloc, &rsb_free};

double now_ns() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

void refuse(const Allocator& a, std::size_t bytes) {
  if (a.allocate(bytes) == nullptr) return;
  std::puts("  a request that cannot be met was met");
  std::exit(EXIT_FAILURE);
}

void use(const Allocator& a, std::size_t bytes) {
  void* const block = a.allocate(bytes);
  if (block == nullptr) std::exit(EXIT_FAILURE);
  std::memset(block, 1, bytes);
  a.release(block);
}

// Nanoseconds of one step of 100, all but the first of which come after another one.
template <class Step>
double time_of(Step step) {
  step();
  const double start = now_ns();
  for (int i = 0; i < 100; ++i) step();
  return (now_ns() - start) / 100;
}

template <class Step>
bool compare(const char* what, Step step) {
  std::array<double, 101> times_of_glibc{};
  std::array<double, 101> times_of_ours{};
  for (std::size_t i = 0; i < times_of_ours.size(); ++i) {
    times_of_glibc[i] = time_of([&] { step(glibc); });
    times_of_ours[i] = time_of([&] { step(ours); });
  }
  const auto median = [](auto& times) {
    std::sort(times.begin(), times.end());
    return times[times.size() / 2];
  };
  const double theirs = median(times_of_glibc);
  const double mine = median(times_of_ours);
  std::printf("%s\n", what);
  bench::report("glibc", theirs, "ns");
  bench::report("rsbmalloc", mine, "ns");
  return bench::report("ratio", mine / theirs, "", {bench::Bound::at_most, 3.0});
}

// From now on there are at most so many bytes of addresses besides those that are in use.
void limit_addresses(std::size_t bytes) {
  long pages = 0;
  std::FILE* const file = std::fopen("/proc/self/statm", "r");
  if (file == nullptr || std::fscanf(file, "%ld", &pages) != 1) std::exit(EXIT_FAILURE);
  std::fclose(file);
  const rlimit limit{static_cast<rlim_t>(pages) * 4096 + bytes, RLIM_INFINITY};
  if (setrlimit(RLIMIT_AS, &limit) != 0) std::exit(EXIT_FAILURE);
}

}  // namespace

int main() {
  // Something is in use, and something is kept.
  for (int i = 0; i < 100; ++i) {
    for (const Allocator& a : {glibc, ours}) {
      if (a.allocate(1000) == nullptr) return EXIT_FAILURE;
      use(a, 40'000);
    }
  }
  bool met = compare("malloc(1ul << 47)", [](const Allocator& a) { refuse(a, all_addresses); });
  met = compare("malloc(1ul << 47) and a pair of 40 kB",
                [](const Allocator& a) {
                  refuse(a, all_addresses);
                  use(a, 40'000);
                }) &&
        met;
  limit_addresses(64 * MiB);
  met = compare("malloc of 128 MiB, with 64 MiB left",
                [](const Allocator& a) { refuse(a, 128 * MiB); }) &&
        met;
  met = compare("malloc of 128 MiB, with 64 MiB left, and a pair of 40 kB",
                [](const Allocator& a) {
                  refuse(a, 128 * MiB);
                  use(a, 40'000);
                }) &&
        met;
  // All that is left, first by halves.
  for (const std::size_t bytes : {std::size_t{30'000'000}, std::size_t{1000}}) {
    for (const Allocator& a : {ours, glibc}) {
      while (a.allocate(bytes) != nullptr && bytes == 1000) {
      }
    }
  }
  met = compare("malloc of 1,000 bytes, with nothing left",
                [](const Allocator& a) { refuse(a, 1000); }) &&
        met;
  return met ? EXIT_SUCCESS : EXIT_FAILURE;
}
