// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb_presets: what a heap with each of rsb::presets takes of its page source for the same loads:
// in KiB, the page map's nodes or descriptors included. The same in every run, so there is a bound
// for each.
#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include <new>

#include "rsb/inspector.hpp"
#include "rsb/presets.hpp"
#include "support/random.hpp"

namespace {

using bench::Random;
using rsb::KiB;
using rsb::MiB;

// Memory of a machine, by a list of what was released, first fit.
struct Machine {
  static constexpr bool trusted = true;

  static void begin(std::size_t bytes) noexcept {
    memory = static_cast<char*>(mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (memory == MAP_FAILED) std::abort();
    end = memory + bytes;
    next = memory;
    free_ = nullptr;
    taken = most = 0;
  }

  void* acquire(std::size_t bytes, std::size_t alignment) noexcept {
    for (Free** link = &free_; *link != nullptr; link = &(*link)->next) {
      Free* const found = *link;
      if (found->bytes != bytes || rsb::bytes_into(found, alignment) != 0) continue;
      *link = found->next;
      return took(found, bytes);
    }
    char* const base = rsb::align_up(next, alignment);
    if (base > end || static_cast<std::size_t>(end - base) < bytes) return nullptr;
    next = base + bytes;
    return took(base, bytes);
  }
  bool release(void* base, std::size_t bytes) noexcept {
    taken -= bytes;
    free_ = new (base) Free{free_, bytes};
    return true;
  }

  void* took(void* base, std::size_t bytes) noexcept {
    taken += bytes;
    most = rsb::larger(most, taken);
    return base;
  }

  struct Free {
    Free* next;
    std::size_t bytes;
  };
  static inline char* memory = nullptr;
  static inline char* end = nullptr;
  static inline char* next = nullptr;
  static inline Free* free_ = nullptr;
  static inline std::size_t taken = 0;
  static inline std::size_t most = 0;
};

template <rsb::Options chosen>
struct Config {
  using Pages = Machine;
  using Lock = rsb::NoLock;
  static constexpr rsb::Options options = chosen;
};

struct Load {
  const char* name;
  std::size_t live;  // bytes, about
  std::size_t ram;
};
constexpr Load small{"230 KiB live in 2 MiB", 230 * KiB, 2 * MiB};
constexpr Load large{"16 MiB live in 128 MiB", 16 * MiB, 128 * MiB};

// In KiB.
struct Taken {
  std::size_t most;
  std::size_t with_few;  // one of twenty blocks is still live
  std::size_t at_the_end;
  std::size_t trimmed;
  std::size_t live;  // at most
};

constexpr std::size_t in_KiB(std::size_t bytes) {
  return (bytes + KiB - 1) / KiB;
}

template <rsb::Options options, const Load& load>
Taken run() {
  static rsb::Heap<Config<options>> heap;
  Machine::begin(load.ram);
  std::size_t descriptors = 0;
  if constexpr (options.map == rsb::Map::flat) {
    const rsb::Region ram{Machine::memory, load.ram};
    descriptors = heap.pages().bytes_for_windows(&ram, 1);
    Machine::next += rsb::align_up(descriptors, 4 * KiB);
    heap.pages().add_windows(&ram, 1, Machine::memory);
  }

  struct Block {
    void* at;
    std::size_t size;
  };
  static Block blocks[1 << 16];
  std::size_t live = 0;
  std::size_t most_live = 0;
  const auto allocate = [&](std::size_t size) {
    void* const block = heap.allocate(size);
    if (block == nullptr) std::abort();
    live += size;
    most_live = rsb::larger(most_live, live);
    return Block{block, size};
  };
  const auto release = [&](const Block& block) {
    heap.deallocate(block.at, block.size);
    live -= block.size;
  };
  const bench::LogUniformSizes sizes(16, 16 * KiB);
  Random random(1);
  std::uint32_t count = 0;
  while (live < load.live) blocks[count++] = allocate(sizes.draw(random));
  for (std::uint32_t i = 0; i < 20 * count; i++) {
    Block& block = blocks[random.below(count)];
    release(block);
    block = allocate(sizes.draw(random));
  }
  for (std::uint32_t i = 0; i < count; i++) {
    if (i % 20 != 0) release(blocks[i]);
  }
  Taken taken{};
  taken.with_few = in_KiB(Machine::taken + descriptors);
  for (std::uint32_t i = 0; i < count; i += 20) release(blocks[i]);
  taken.at_the_end = in_KiB(Machine::taken + descriptors);
  if (heap.trim() != 0) taken.trimmed = in_KiB(Machine::taken + descriptors);
  taken.most = in_KiB(Machine::most + descriptors);
  taken.live = in_KiB(most_live);
  if (rsb::inspect(heap).check() != nullptr) std::abort();
  return taken;
}

// Prints a line; returns whether nothing is above its bound.
template <rsb::Options options, const Load& load>
bool report(const char* name, const Taken& most) {
  const Taken taken = run<options, load>();
  const bool met = taken.most <= most.most && taken.with_few <= most.with_few &&
                   taken.at_the_end <= most.at_the_end && taken.trimmed <= most.trimmed;
  std::printf("| %-12s | %-22s | %7zu | %7zu | %7zu | %9zu | %7zu |%s\n", name, load.name,
              taken.live, taken.most, taken.with_few, taken.at_the_end, taken.trimmed,
              met ? "" : " MORE THAN BEFORE");
  return met;
}

}  // namespace

int main() {
  using namespace rsb::presets;
  std::printf("| %-12s | %-22s | %7s | %7s | %7s | %9s | %7s | KiB\n", "preset", "load", "live",
              "at most", "1 of 20", "none live", "trimmed");
  const bool results[] = {
      report<small_kernel, small>("small_kernel", {649, 185, 185, 33, 384}),
      report<kernel, small>("kernel", {1316, 1316, 1316, 292, 384}),
      report<small_kernel, large>("small_kernel", {23953, 4573, 2197, 2049, 17189}),
      report<kernel, large>("kernel", {22700, 16812, 3884, 812, 17189}),
      report<server, large>("server", {49168, 49168, 49168, 16400, 17189}),
  };
  bool all = true;
  for (const bool met : results) all = all && met;
  return all ? EXIT_SUCCESS : EXIT_FAILURE;
}
