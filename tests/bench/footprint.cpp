// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb_footprint: what small objects cost in resident memory, metadata included, and how much of it
// comes back once everything is freed and trimmed.
//
// Each scenario is a process of its own: `rsb_footprint NAME` runs one, `rsb_footprint` all. The
// harness's own arrays are mapped and written before the first measurement.
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

#include "rsb/rsb.h"
#include "support/mapped_array.hpp"
#include "support/process.hpp"
#include "support/random.hpp"
#include "support/verdict.hpp"

namespace {

using bench::Bound;
using bench::MappedArray;
using bench::Random;

constexpr double MiB = 1024 * 1024;

double resident() noexcept {
  return static_cast<double>(bench::resident_bytes());
}

void* checked(void* block) noexcept {
  if (block == nullptr) {
    std::puts("  out of memory");
    std::exit(EXIT_FAILURE);
  }
  return block;
}

void shuffle(MappedArray<void*>& blocks, Random& random) noexcept {
  for (auto i = static_cast<std::uint32_t>(blocks.size()); i > 1; --i) {  // Fisher-Yates
    std::swap(blocks[i - 1], blocks[random.below(i)]);
  }
}

// After the last free: everything must come back.
bool report_return(double start) noexcept {
  const double freed = resident();
  rsb_trim();
  rsb_stats stats{};
  rsb_get_stats(&stats);
  if (stats.live_blocks != 0) std::printf("  %zu blocks are still live\n", stats.live_blocks);
  bench::report("resident above the start, all freed", (freed - start) / MiB, "MiB");
  return bench::report("resident above the start, trimmed", (resident() - start) / MiB, "MiB",
                       {Bound::at_most, 1.0}) &&
         stats.live_blocks == 0;
}

// Allocates `count` objects of `size` bytes, aligned to their size up to 16, then frees them in
// order.
bool objects(std::uint32_t count, std::size_t size, double limit) {
  const std::size_t alignment = size < 16 ? size : 16;
  MappedArray<void*> blocks(count);
  const double start = resident();
  for (std::uint32_t i = 0; i < count; ++i) {
    blocks[i] = checked(rsb_allocate(size, alignment));
    std::memcpy(blocks[i], &i, sizeof i);
  }
  const double cost = (resident() - start) / count;
  for (std::uint32_t i = 0; i < count; ++i) {
    if (std::memcmp(blocks[i], &i, sizeof i) != 0) {
      std::puts("  two objects overlap");
      return false;
    }
  }
  const bool met = bench::report("bytes an object", cost, "bytes", {Bound::at_most, limit});
  for (void* block : blocks) rsb_deallocate(block, size, alignment);
  return report_return(start) && met;
}

// Allocates blocks of log-uniform sizes, replaces each once on average, and frees all at random.
bool random_blocks(std::uint32_t count, std::size_t least, std::size_t most) {
  const bench::LogUniformSizes sizes(least, most);
  MappedArray<void*> blocks(count);
  Random random(1);
  const double start = resident();
  const auto allocate = [&] {
    const std::size_t size = sizes.draw(random);
    return std::memset(checked(rsb_malloc(size)), 1, size);
  };
  for (void*& block : blocks) block = allocate();
  for (std::uint32_t i = 0; i < count; ++i) {
    void*& victim = blocks[random.below(count)];
    rsb_free(victim);
    victim = allocate();
  }
  shuffle(blocks, random);
  bench::report("resident above the start, at most", (resident() - start) / MiB, "MiB");
  for (void* block : blocks) rsb_free(block);
  return report_return(start);
}

struct Scenario {
  const char* name;
  const char* description;
  bool (*run)();
};

constexpr Scenario scenarios[] = {
    {"four-bytes", "ten million objects of 4 bytes", [] { return objects(10'000'000, 4, 4.1); }},
    {"sixty-four-bytes", "one million objects of 64 bytes",
     [] { return objects(1'000'000, 64, 65); }},
    {"small", "a million blocks of 8 to 1,024 bytes, random lifetimes",
     [] { return random_blocks(1'000'000, 8, 1024); }},
    {"large", "300 blocks of 16 KiB to 16 MiB, random lifetimes",
     [] { return random_blocks(300, 16 << 10, 16 << 20); }},
    {"mixed", "100,000 blocks of 8 bytes to 64 KiB, random lifetimes",
     [] { return random_blocks(100'000, 8, 64 << 10); }},
};

bool run_in_a_process(const Scenario& scenario) {
  std::fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    execl("/proc/self/exe", "rsb_footprint", scenario.name, nullptr);
    _exit(127);
  }
  int status = 0;
  return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
         WEXITSTATUS(status) == EXIT_SUCCESS;
}

}  // namespace

int main(int count, char** arguments) {
  bool met = true;
  bool found = false;
  for (const Scenario& scenario : scenarios) {
    if (count < 2) {
      found = true;
      met &= run_in_a_process(scenario);
    } else if (std::string_view(arguments[1]) == scenario.name) {
      found = true;
      std::printf("%s\n", scenario.description);
      met &= scenario.run();
    }
  }
  if (!found) std::printf("no such scenario: %s\n", arguments[1]);
  return found && met ? EXIT_SUCCESS : EXIT_FAILURE;
}
