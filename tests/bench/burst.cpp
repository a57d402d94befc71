// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb_burst: what stays resident after many threads have allocated and freed, beside glibc.
//
//   rsb_burst LIBRARY   fails if with LIBRARY preloaded more stays than 1.5 times what glibc keeps
//
// Each measurement is a process of its own, without a preloaded library and with it. 200 threads
// allocate 1,000 blocks each of 8 to 4,096 bytes, all at the same time, and free them, twice. Then
// they end, or sleep. How much stays is chance on both sides, so this is no test.
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "support/mapped_array.hpp"
#include "support/process.hpp"
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

// The process that is measured: its resident bytes go to standard output.
int measure() {
  pthread_barrier_init(&among_threads, nullptr, threads);
  pthread_barrier_init(&with_main, nullptr, threads + 1);
  pthread_attr_t small_stack;
  pthread_attr_init(&small_stack);
  pthread_attr_setstacksize(&small_stack, 64 << 10);
  pthread_t started[threads];
  for (std::uintptr_t i = 0; i < threads; ++i) {
    if (pthread_create(&started[i], &small_stack, burst, reinterpret_cast<void*>(i + 1)) != 0) {
      return EXIT_FAILURE;
    }
  }
  if (end == End::asleep) {
    pthread_barrier_wait(&with_main);
  } else {
    for (const pthread_t thread : started) pthread_join(thread, nullptr);
  }
  const std::size_t resident = bench::resident_bytes();
  const bool told = write(STDOUT_FILENO, &resident, sizeof resident) == sizeof resident;
  _exit(told ? EXIT_SUCCESS : EXIT_FAILURE);
}

// Null: without a library. 0: the process failed.
std::size_t resident_in_a_process(const char* how, const char* library) {
  int ends[2];
  if (pipe(ends) != 0) return 0;
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    if (library != nullptr) {
      setenv("LD_PRELOAD", library, 1);
    } else {
      unsetenv("LD_PRELOAD");
    }
    execl("/proc/self/exe", "rsb_burst", how, nullptr);
    _exit(127);
  }
  close(ends[1]);
  std::size_t resident = 0;
  const bool told = read(ends[0], &resident, sizeof resident) == sizeof resident;
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return told && WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS ? resident : 0;
}

bool compare(const char* what, const char* how, const char* library) {
  std::printf("200 threads that %s\n", what);
  const auto glibc = static_cast<double>(resident_in_a_process(how, nullptr));
  const auto ours = static_cast<double>(resident_in_a_process(how, library));
  if (glibc == 0 || ours == 0) return false;
  bench::report("resident, glibc", glibc / MiB, "MiB");
  bench::report("resident, rsbmalloc", ours / MiB, "MiB");
  return bench::report("rsbmalloc / glibc", ours / glibc, "", {Bound::at_most, most});
}

}  // namespace

int main(int count, char** arguments) {
  if (count != 2) return EXIT_FAILURE;
  const std::string_view what = arguments[1];
  if (what == "--ended") return measure();
  if (what == "--asleep") {
    end = End::asleep;
    return measure();
  }
  const bool met = compare("have ended", "--ended", arguments[1]);
  return compare("sleep", "--asleep", arguments[1]) && met ? EXIT_SUCCESS : EXIT_FAILURE;
}
