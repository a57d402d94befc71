// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb_mix: many threads that allocate at random, small blocks and large ones: how long it takes and
// how much memory, beside glibc.
//
//   rsb_mix LIBRARY...           fails if with one of them preloaded it takes more than 4 times
//                                glibc's time
//   rsb_mix --short LIBRARY...   does it run at all: a twentieth of the rounds, and no verdict
//
// 60 threads have room for 64 blocks each. In each of 20,000 rounds a thread frees a random one and
// allocates another, of 8 bytes to 1 MiB, log-uniform; of which it writes the first byte and the
// last, and finds them so. Each measurement is a process of its own. In turns, without a library
// and with each that is named; medians of three turns.
#include <pthread.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <string_view>
#include <vector>

#include "support/mapped_array.hpp"
#include "support/process_of_its_own.hpp"
#include "support/random.hpp"
#include "support/verdict.hpp"

namespace {

using bench::Bound;

constexpr unsigned threads = 60;
constexpr unsigned slots = 64;
constexpr unsigned turns = 3;
constexpr double most = 4;
constexpr double MiB = 1024 * 1024;

enum class Verdict { none, by_ratio };

const bench::LogUniformSizes sizes(8, 1 << 20);
unsigned rounds = 0;
pthread_barrier_t among_threads;

struct Block {
  char* begin;
  std::size_t size;
};

void release(const Block& block, char mark) {
  if (block.begin == nullptr) return;
  if (block.begin[0] != mark || block.begin[block.size - 1] != mark) std::abort();
  std::free(block.begin);
}

void* work(void* number) {
  const auto seed = reinterpret_cast<std::uintptr_t>(number);
  const auto mark = static_cast<char>(seed);
  bench::Random random(seed);
  bench::MappedArray<Block> blocks(slots);
  pthread_barrier_wait(&among_threads);
  for (unsigned i = 0; i < rounds; ++i) {
    Block& block = blocks[random.below(slots)];
    release(block, mark);
    const std::size_t size = sizes.draw(random);
    block = {static_cast<char*>(std::malloc(size)), size};
    if (block.begin == nullptr) std::abort();
    block.begin[0] = block.begin[size - 1] = mark;
  }
  for (const Block& block : blocks) release(block, mark);
  return nullptr;
}

struct Cost {
  double seconds;
  double processor_seconds;
  double peak;  // bytes
};

[[noreturn]] void measure() {
  pthread_barrier_init(&among_threads, nullptr, threads);
  pthread_t started[threads];
  const auto before = std::chrono::steady_clock::now();
  for (std::uintptr_t i = 0; i < threads; ++i) {
    if (pthread_create(&started[i], nullptr, work, reinterpret_cast<void*>(i + 1)) != 0) {
      std::abort();
    }
  }
  for (const pthread_t thread : started) pthread_join(thread, nullptr);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - before;
  const double processor_seconds = static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
  const auto peak = static_cast<double>(bench::peak_resident_bytes());
  bench::end_with(Cost{took.count(), processor_seconds, peak});
}

double median(std::array<Cost, turns> costs, double Cost::*what) {
  std::sort(costs.begin(), costs.end(),
            [=](const Cost& a, const Cost& b) { return a.*what < b.*what; });
  return costs[turns / 2].*what;
}

bool report(const char* library, const std::array<Cost, turns>& glibc,
            const std::array<Cost, turns>& ours, Verdict verdict) {
  std::printf("%s\n", library);
  const auto report_both = [&](const char* what, double Cost::*cost, double unit,
                               const char* unit_name) {
    std::printf(" %s\n", what);
    bench::report("glibc", median(glibc, cost) / unit, unit_name);
    bench::report("rsbmalloc", median(ours, cost) / unit, unit_name);
  };
  report_both("processor time", &Cost::processor_seconds, 1, "s");
  report_both("peak of resident memory", &Cost::peak, MiB, "MiB");
  report_both("wall time", &Cost::seconds, 1, "s");
  const double ratio = median(ours, &Cost::seconds) / median(glibc, &Cost::seconds);
  if (verdict == Verdict::by_ratio) {
    return bench::report("rsbmalloc / glibc", ratio, "", {Bound::at_most, most});
  }
  bench::report("rsbmalloc / glibc", ratio, "");
  return true;
}

bool compare(const std::vector<const char*>& libraries, unsigned rounds_each, Verdict verdict) {
  const std::string rounds_text = std::to_string(rounds_each);
  std::vector<std::array<Cost, turns>> costs(libraries.size());
  for (unsigned turn = 0; turn < turns; ++turn) {
    for (std::size_t i = 0; i < libraries.size(); ++i) {
      const auto cost = bench::result_with<Cost>(libraries[i], "--run", rounds_text.c_str());
      if (!cost) {
        std::printf("%s: the process failed\n", libraries[i] != nullptr ? libraries[i] : "glibc");
        return false;
      }
      costs[i][turn] = *cost;
    }
  }
  bool met = true;
  for (std::size_t i = 1; i < libraries.size(); ++i) {
    met = report(libraries[i], costs[0], costs[i], verdict) && met;
  }
  return met;
}

}  // namespace

int main(int count, char** arguments) {
  std::vector<const char*> libraries{nullptr};
  bool is_short = false;
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--run" && i + 1 < count) {
      rounds = static_cast<unsigned>(std::atoi(arguments[i + 1]));
      measure();
    }
    if (argument == "--short") {
      is_short = true;
    } else {
      libraries.push_back(arguments[i]);
    }
  }
  if (libraries.size() < 2) return EXIT_FAILURE;
  const bool met = is_short ? compare(libraries, 1'000, Verdict::none)
                            : compare(libraries, 20'000, Verdict::by_ratio);
  return met ? EXIT_SUCCESS : EXIT_FAILURE;
}
