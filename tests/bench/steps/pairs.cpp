// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb_pair_steps: how many instructions a malloc and a free of the same size execute in a shared
// library, which is what LD_PRELOAD gives a program.
//
//   rsb_pair_steps LIBRARY CONFIGURATION BOUNDS
//
// LIBRARY is opened, not linked: so no call goes through a PLT. CONFIGURATION names the lines of
// the file BOUNDS that it is held against:
//
//   CONFIGURATION THREADS SIZE MOST     instructions of the pair, at most
//
// Fails if a pair takes more, or has no line. What is stepped is a pair in the middle of many, that
// finds a freed slot in the bin or magazine: the same in every run.
#include <dlfcn.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include "steps/stepper.hpp"
#include "support/fixed_addresses.hpp"

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

class Pairs {
 public:
  Pairs(void* library, std::map<Case, long> bounds)
      : malloc_(symbol<Malloc>(library, "malloc")),
        free_(symbol<Free>(library, "free")),
        bounds_(std::move(bounds)) {}

  // False: a pair takes more than its bound, or has none.
  bool hold(const char* threads) {
    bool held = true;
    for (const std::size_t size : {16UL, 64UL, 1024UL}) {
      for (int i = 0; i < 20; ++i) free_(malloc_(size));
      void* block = nullptr;
      const long allocated = bench::steps_of(malloc_, size, block);
      const long released = bench::steps_of(free_, block);
      const auto bound = bounds_.find({threads, size});
      const bool met = bound != bounds_.end() && allocated + released <= bound->second;
      std::printf("  %s %4zu bytes: malloc %3ld + free %3ld = %3ld", threads, size, allocated,
                  released, allocated + released);
      if (bound == bounds_.end()) {
        std::puts(", no bound: MISSED");
      } else {
        std::printf(", at most %ld: %s\n", bound->second, met ? "met" : "MISSED");
      }
      held &= met;
    }
    return held;
  }

 private:
  Malloc* const malloc_;
  Free* const free_;
  const std::map<Case, long> bounds_;
};

}  // namespace

int main(int count, char** arguments) {
  bench::fix_addresses(arguments);
  if (count != 4) {
    std::puts("usage: rsb_pair_steps LIBRARY CONFIGURATION BOUNDS");
    return EXIT_FAILURE;
  }
  void* const library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    std::printf("%s\n", dlerror());
    return EXIT_FAILURE;
  }
  bench::prepare_stepping();
  Pairs pairs(library, read_bounds(arguments[3], arguments[2]));
  std::printf("%s, instructions of a pair\n", arguments[2]);
  bool held = pairs.hold("one-thread");
  // From here on the lock is taken with atomics; the stepped thread is never made to wait.
  std::thread([] {
    while (true) std::this_thread::sleep_for(std::chrono::hours(1));
  }).detach();
  held &= pairs.hold("two-threads");
  return held ? EXIT_SUCCESS : EXIT_FAILURE;
}
