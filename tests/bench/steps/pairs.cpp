// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb_pair_steps: how many instructions a malloc and a free of the same size execute.
//
//   rsb_pair_steps
//
// counts those of the malloc that the process has, which LD_PRELOAD decides: any allocator's.
//
//   rsb_pair_steps LIBRARY CONFIGURATION BOUNDS
//
// opens the shared library LIBRARY and holds its counts against the file BOUNDS, of whose lines
// CONFIGURATION names some:
//
//   CONFIGURATION THREADS SIZE MOST     instructions of the pair, at most
//
// Fails if a pair takes more, or has no line. What is stepped is a pair in the middle of many, that
// finds a freed slot in the bin or magazine: the same in every run. Of other allocators it is the
// median of many; the mean beside has those in it that do the work of others too.
//
// The functions are called by their addresses, so no call goes through a PLT of the program's.
#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "steps/stepper.hpp"
#include "support/fixed_addresses.hpp"
#include "support/process.hpp"

namespace {

using Malloc = void*(std::size_t) noexcept;
using Free = void(void*) noexcept;
using Case = std::pair<std::string, std::size_t>;  // threads, size

template <class Function>
Function* symbol(void* library, const char* name) {
  void* const address = dlsym(library, name);
  if (address == nullptr) {
    std::printf("%s\n", dlerror());
    std::exit(EXIT_FAILURE);
  }
  return reinterpret_cast<Function*>(address);
}

std::map<Case, long> read_bounds(const char* file, const std::string& configuration) {
  std::map<Case, long> bounds;
  std::ifstream lines(file);
  std::string line;
  while (std::getline(lines, line)) {
    std::array<char, 32> name{}, threads{};
    std::size_t size = 0;
    long most = 0;
    if (std::sscanf(line.c_str(), "%31s %31s %zu %ld", name.data(), threads.data(), &size, &most) !=
        4) {
      continue;
    }
    if (configuration == name.data()) bounds[{threads.data(), size}] = most;
  }
  return bounds;
}

using Steps = std::vector<long>;

long median(Steps steps) {
  const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(steps.size() / 2);
  std::nth_element(steps.begin(), middle, steps.end());
  return *middle;
}

double mean(const Steps& steps) {
  return static_cast<double>(std::accumulate(steps.begin(), steps.end(), 0L)) /
         static_cast<double>(steps.size());
}

class Pairs {
 public:
  // Without bounds it only counts.
  Pairs(void* library, std::optional<std::map<Case, long>> bounds)
      : malloc_(symbol<Malloc>(library, "malloc")),
        free_(symbol<Free>(library, "free")),
        bounds_(std::move(bounds)),
        allocated_(bounds_ ? 1 : 101),
        released_(allocated_.size()) {}

  // False: a pair takes more than its bound, or has none.
  bool hold(const char* threads) {
    bool held = true;
    for (const std::size_t size : {16UL, 64UL, 1024UL}) {
      for (int i = 0; i < 20; ++i) free_(malloc_(size));
      for (std::size_t i = 0; i < allocated_.size(); ++i) {
        void* block = nullptr;
        allocated_[i] = bench::steps_of(malloc_, size, block);
        released_[i] = bench::steps_of(free_, block);
      }
      const long allocated = median(allocated_), released = median(released_);
      std::printf("  %s %4zu bytes: malloc %3ld + free %3ld = %3ld", threads, size, allocated,
                  released, allocated + released);
      if (bounds_) {
        held &= holds({threads, size}, allocated + released);
      } else {
        std::printf(", mean %.1f\n", mean(allocated_) + mean(released_));
      }
    }
    return held;
  }

 private:
  [[nodiscard]] bool holds(const Case& which, long steps) const {
    const auto bound = bounds_->find(which);
    if (bound == bounds_->end()) {
      std::puts(", no bound: MISSED");
      return false;
    }
    const bool met = steps <= bound->second;
    std::printf(", at most %ld: %s\n", bound->second, met ? "met" : "MISSED");
    return met;
  }

  Malloc* const malloc_;
  Free* const free_;
  const std::optional<std::map<Case, long>> bounds_;
  Steps allocated_, released_;
};

}  // namespace

int main(int count, char** arguments) {
  bench::fix_addresses(arguments);
  const bool any_allocator = count == 1;
  if (!any_allocator && count != 4) {
    std::puts("usage: rsb_pair_steps [LIBRARY CONFIGURATION BOUNDS]");
    return EXIT_FAILURE;
  }
  void* const library = any_allocator ? RTLD_DEFAULT : dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  if (!any_allocator && library == nullptr) {
    std::printf("%s\n", dlerror());
    return EXIT_FAILURE;
  }
  bench::prepare_stepping();
  std::optional<std::map<Case, long>> bounds;
  if (!any_allocator) bounds = read_bounds(arguments[3], arguments[2]);
  Pairs all(library, std::move(bounds));
  std::printf("%s, instructions of a pair\n",
              any_allocator ? bench::file_that_provides_malloc() : arguments[2]);
  bool held = all.hold("one-thread");
  // From here on the lock is taken with atomics; the stepped thread is never made to wait.
  std::thread([] {
    while (true) std::this_thread::sleep_for(std::chrono::hours(1));
  }).detach();
  held &= all.hold("two-threads");
  return held ? EXIT_SUCCESS : EXIT_FAILURE;
}
