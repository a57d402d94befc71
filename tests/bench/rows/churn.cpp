// SPDX-License-Identifier: MIT OR Apache-2.0
// churn/LEAST-MOST: a few large blocks live; a random one is freed and another allocated, sizes
// log-uniform. A byte a 4 KiB page of each new block is written, and the last: a program that asks
// for a large buffer uses it, and an allocator that maps every block anew has to pay for its page
// faults. churn/LEAST-MOST/many: more of them live than an allocator will keep free. …/first: only
// the first bytes are written, so that what counts are the calls.
#include <cstdint>
#include <cstdlib>

#include "rows/rows.hpp"
#include "support/block.hpp"
#include "support/mapped_array.hpp"
#include "support/random.hpp"

namespace bench {
namespace {

struct Churn {
  std::uint32_t live;
  std::size_t least;
  std::size_t most;
  void* (*allocate)(std::size_t size) noexcept;
};

void churn(benchmark::State& state, const Churn& what) {
  const LogUniformSizes sizes(what.least, what.most);
  Random random(static_cast<std::uint64_t>(state.thread_index()) + 1);
  MappedArray<void*> blocks(what.live);
  for (void*& block : blocks) block = what.allocate(sizes.draw(random));
  for (auto _ : state) {
    const auto [victim, quantile] = random.below(what.live, LogUniformSizes::quantiles);
    std::free(blocks[victim]);
    blocks[victim] = what.allocate(sizes.at(quantile));
  }
  for (void* block : blocks) std::free(block);
}

}  // namespace

void add_churn(RowList& rows) {
  const auto add = [&rows](std::string name, Churn what, std::int64_t iterations) {
    rows.with_one_and_two_threads({.name = std::move(name),
                                   .iterations = iterations,
                                   .operations = 1,
                                   .body = [what](auto& state) { churn(state, what); }});
  };
  constexpr std::size_t KiB = 1024;
  add("churn/32KiB-64KiB", {32, 32 * KiB, 64 * KiB, allocate_and_touch_pages}, 500'000);
  add("churn/32KiB-64KiB/many", {1'000, 32 * KiB, 64 * KiB, allocate_and_touch_pages}, 100'000);
  add("churn/64KiB-4MiB", {16, 64 * KiB, 4096 * KiB, allocate_and_touch_pages}, 3'000);
  add("churn/16KiB-4MiB/first", {64, 16 * KiB, 4096 * KiB, allocate_and_touch}, 20'000);
}

}  // namespace bench
