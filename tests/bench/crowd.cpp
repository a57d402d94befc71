// SPDX-License-Identifier: MIT OR Apache-2.0
// More threads than processors, each of which allocates 2,000 blocks and then frees them: how long
// it takes with each shared library that is named (by its path), as a multiple of the C library's
// time.
//
//   rsb_crowd LIBRARY...
//
// The program runs itself, with LD_PRELOAD, by turns. Median of three turns, wall time. Half the
// rows have every tenth thread under SCHED_FIFO, which takes root: without, they are left out, and
// that is said.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include "support/process_of_its_own.hpp"
#include "support/random.hpp"

namespace {

constexpr size_t blocks = 2'000;
constexpr unsigned turns = 3;

enum class Policy { ordinary, some_fifo };

// Log-uniform, 64 bytes to 16 KiB; what a program allocates it also writes to.
void* work(void* seed) {
  bench::Random random(reinterpret_cast<uintptr_t>(seed));
  std::vector<void*> kept(blocks);
  for (void*& block : kept) {
    const uint32_t least = uint32_t{64} << random.below(8);
    const size_t size = least + random.below(least);
    block = malloc(size);
    if (block == nullptr) abort();
    memset(block, 1, 64);
  }
  for (void* block : kept) free(block);
  return nullptr;
}

bool start(pthread_t& thread, unsigned index, Policy policy) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, 128 * 1'024);
  if (policy == Policy::some_fifo && index % 10 == 0) {
    sched_param parameters{};
    parameters.sched_priority = 1;
    pthread_attr_setinheritsched(&attributes, PTHREAD_EXPLICIT_SCHED);
    pthread_attr_setschedpolicy(&attributes, SCHED_FIFO);
    pthread_attr_setschedparam(&attributes, &parameters);
  }
  void* const seed = reinterpret_cast<void*>(uintptr_t{index} + 1);
  const bool started = pthread_create(&thread, &attributes, work, seed) == 0;
  pthread_attr_destroy(&attributes);
  return started;
}

[[noreturn]] void run(unsigned threads, Policy policy) {
  std::vector<pthread_t> crowd(threads);
  const auto before = std::chrono::steady_clock::now();
  for (unsigned i = 0; i < threads; i++) {
    if (!start(crowd[i], i, policy)) abort();
  }
  for (const pthread_t thread : crowd) pthread_join(thread, nullptr);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - before;
  bench::end_with(took.count());
}

// False: a library did not run.
bool measure(const std::vector<const char*>& libraries, unsigned threads, Policy policy) {
  const std::string crowd = std::to_string(threads);
  const char* const how = policy == Policy::some_fifo ? "fifo" : "ordinary";
  std::vector<std::vector<double>> times(libraries.size());
  for (unsigned turn = 0; turn < turns; turn++) {
    for (size_t i = 0; i < libraries.size(); i++) {
      const auto seconds = bench::result_with<double>(libraries[i], "--run", crowd.c_str(), how);
      if (!seconds) return false;
      times[i].push_back(*seconds);
    }
  }
  for (auto& of_library : times) std::sort(of_library.begin(), of_library.end());
  const double of_libc = times[0][turns / 2];
  printf("%5u %-9s %8.3f s", threads, policy == Policy::some_fifo ? "some FIFO" : "", of_libc);
  for (size_t i = 1; i < libraries.size(); i++) printf("  x %.2f", times[i][turns / 2] / of_libc);
  printf("\n");
  fflush(stdout);
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4 && strcmp(argv[1], "--run") == 0) {
    const bool fifo = strcmp(argv[3], "fifo") == 0;
    run(static_cast<unsigned>(atoi(argv[2])), fifo ? Policy::some_fifo : Policy::ordinary);
  }
  std::vector<const char*> libraries{nullptr};
  for (int i = 1; i < argc; i++) libraries.push_back(argv[i]);
  printf("threads           C library");
  for (size_t i = 1; i < libraries.size(); i++) printf("  %s", libraries[i]);
  printf("\n");
  for (const Policy policy : {Policy::ordinary, Policy::some_fifo}) {
    if (policy == Policy::some_fifo && geteuid() != 0) {
      printf("no SCHED_FIFO without root\n");
      break;
    }
    for (const unsigned threads : {50u, 200u, 1'000u}) {
      if (!measure(libraries, threads, policy)) {
        fprintf(stderr, "%u threads: a process failed\n", threads);
        return 1;
      }
    }
  }
}
