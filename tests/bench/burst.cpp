// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb_burst: what stays resident after many threads have allocated and freed, beside glibc.
//
//   rsb_burst LIBRARY   fails if with LIBRARY preloaded more stays than 1.5 times what glibc keeps
//
// Each measurement is a process of its own, without a preloaded library and with it. 200 threads
// allocate 1,000 blocks each of 8 to 4,096 bytes, all at the same time, and free them, twice. Then
// they end, or sleep. How much stays is chance on both sides, so this is no test.
#include <pthread.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "support/mapped_array.hpp"
#include "support/process_of_its_own.hpp"
#include "support/random.hpp"
#include "support/verdict.hpp"

namespace {

using bench::Bound;

constexpr unsigned threads = 200;
constexpr std::uint32_t blocks = 1'000;
constexpr double most = 1.5;
constexpr double MiB = 1024 * 1024;

enum class End { ended, asleep };

End end = End::ended;
pthread_barrier_t among_threads;
pthread_barrier_t with_main;

void* burst(void* number) {
  {
    bench::MappedArray<void*> taken(blocks);
    bench::Random random(static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(number)));
    const bench::LogUniformSizes sizes(8, 4'096);
    for (int round = 0; round < 2; ++round) {
      pthread_barrier_wait(&among_threads);
      for (void*& block : taken) {
        const std::size_t size = sizes.draw(random);
        block = std::malloc(size);
        if (block == nullptr) std::abort();
        std::memset(block, 1, size);
      }
      pthread_barrier_wait(&among_threads);
      for (void* const block : taken) std::free(block);
    }
  }
  if (end == End::asleep) {
    pthread_barrier_wait(&with_main);
    for (;;) pause();
  }
  return nullptr;
}

[[noreturn]] void measure() {
  pthread_barrier_init(&among_threads, nullptr, threads);
  pthread_barrier_init(&with_main, nullptr, threads + 1);
  pthread_attr_t small_stack;
  pthread_attr_init(&small_stack);
  pthread_attr_setstacksize(&small_stack, 64 << 10);
  pthread_t started[threads];
  for (std::uintptr_t i = 0; i < threads; ++i) {
    if (pthread_create(&started[i], &small_stack, burst, reinterpret_cast<void*>(i + 1)) != 0) {
      std::abort();
    }
  }
  if (end == End::asleep) {
    pthread_barrier_wait(&with_main);
  } else {
    for (const pthread_t thread : started) pthread_join(thread, nullptr);
  }
  bench::end_with(static_cast<double>(bench::resident_bytes()));
}

bool compare(const char* what, const char* how, const char* library) {
  std::printf("200 threads that %s\n", what);
  const auto glibc = bench::result_with<double>(nullptr, how);
  const auto ours = bench::result_with<double>(library, how);
  if (!glibc || !ours) {
    std::puts("  a process failed");
    return false;
  }
  bench::report("resident, glibc", *glibc / MiB, "MiB");
  bench::report("resident, rsbmalloc", *ours / MiB, "MiB");
  return bench::report("rsbmalloc / glibc", *ours / *glibc, "", {Bound::at_most, most});
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return EXIT_FAILURE;
  const std::string_view what = arguments[1];
  if (what == "--ended") measure();
  if (what == "--asleep") {
    end = End::asleep;
    measure();
  }
  const bool met = compare("have ended", "--ended", arguments[1]);
  return compare("sleep", "--asleep", arguments[1]) && met ? EXIT_SUCCESS : EXIT_FAILURE;
}
