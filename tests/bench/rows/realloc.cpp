// SPDX-License-Identifier: MIT OR Apache-2.0
// realloc/MOST: one block grows from 16 bytes to MOST by half at a time, as a vector or a string
// buffer does, is filled behind itself (a byte a 4 KiB page, and the last), and is freed. One
// operation is one whole growth.
// realloc/MOST/steps: a random one of 1,000 blocks grows by 1 to 64 bytes, which is one operation;
// above MOST it is freed, and begins again.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "rows/rows.hpp"
#include "support/block.hpp"
#include "support/mapped_array.hpp"
#include "support/random.hpp"

namespace bench {
namespace {

void grow(benchmark::State& state, std::size_t most) {
  for (auto _ : state) {
    std::size_t size = 16;
    void* block = allocate_and_touch(size);
    while (size < most) {
      const std::size_t next = std::min(most, size + size / 2);
      block = checked(std::realloc(block, next));
      touch_pages(block, size, next);
      size = next;
    }
    std::free(block);
  }
}

void grow_by_steps(benchmark::State& state, std::uint32_t most) {
  constexpr std::uint32_t live = 1'000, least = 16, step = 64;
  Random random(static_cast<std::uint64_t>(state.thread_index()) + 1);
  MappedArray<void*> blocks(live);
  MappedArray<std::uint32_t> size_of(live);
  for (std::uint32_t i = 0; i < live; ++i) blocks[i] = allocate_and_touch(size_of[i] = least);
  for (auto _ : state) {
    const auto [i, more] = random.below(live, step);
    size_of[i] += more + 1;
    if (size_of[i] > most) {
      std::free(blocks[i]);
      blocks[i] = allocate_and_touch(size_of[i] = least);
    } else {
      blocks[i] = checked(std::realloc(blocks[i], size_of[i]));
      bytes_of(blocks[i])[size_of[i] - 1] = 1;
    }
  }
  for (void* block : blocks) std::free(block);
}

}  // namespace

void add_realloc(RowList& rows) {
  const auto add = [&rows](std::string name, std::size_t most, std::int64_t iterations) {
    rows.with_one_and_two_threads({.name = std::move(name),
                                   .iterations = iterations,
                                   .operations = 1,
                                   .body = [most](auto& state) { grow(state, most); }});
  };
  add("realloc/64KiB", std::size_t{64} << 10U, 50'000);
  add("realloc/16MiB", std::size_t{16} << 20U, 100);
  rows.with_one_and_two_threads({.name = "realloc/4KiB/steps",
                                 .iterations = 5'000'000,
                                 .operations = 1,
                                 .body = [](auto& state) { grow_by_steps(state, 4096); }});
}

}  // namespace bench
