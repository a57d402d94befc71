// SPDX-License-Identifier: MIT OR Apache-2.0
// exchange/LIVE: threads share LIVE places; each allocates a block, puts it into a random one, and
// frees what was there, which another thread may have allocated. Sizes log-uniform over 8 to 1,024
// bytes. No thread waits for another, as those of pipe/… do.
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>

#include "rows/rows.hpp"
#include "support/block.hpp"
#include "support/random.hpp"

namespace bench {
namespace {

constexpr std::uint32_t live = 10'000;
constinit std::array<std::atomic<void*>, live> places{};

void exchange(benchmark::State& state) {
  const LogUniformSizes sizes(8, 1024);
  Random random(static_cast<std::uint64_t>(state.thread_index()) + 1);
  for (auto _ : state) {
    const auto [place, quantile] = random.below(live, LogUniformSizes::quantiles);
    void* block = allocate_and_touch(sizes.at(quantile));
    std::free(places[place].exchange(block));
  }
}

}  // namespace

void add_exchange(RowList& rows) {
  const Row row{.name = "exchange/" + std::to_string(live),
                .iterations = 1'000'000,
                .operations = 1,
                .body = exchange};
  rows.with_two_threads(row);
  rows.with_four_and_eight_threads(row);
}

}  // namespace bench
