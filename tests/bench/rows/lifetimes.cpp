// SPDX-License-Identifier: MIT OR Apache-2.0
// lifetimes/LIVE: a random one of LIVE objects dies and another is born, sizes log-uniform over 8
// to 4,096 bytes. The nearest of the rows to a program of small objects.
#include <cstdint>
#include <cstdlib>

#include "rows/rows.hpp"
#include "support/block.hpp"
#include "support/mapped_array.hpp"
#include "support/random.hpp"

namespace bench {
namespace {

void lifetimes(benchmark::State& state, std::uint32_t live) {
  const LogUniformSizes sizes(8, 4096);
  Random random(static_cast<std::uint64_t>(state.thread_index()) + 1);
  MappedArray<void*> objects(live);
  for (void*& object : objects) object = allocate_and_touch(sizes.draw(random));
  for (auto _ : state) {
    const auto [victim, quantile] = random.below(live, LogUniformSizes::quantiles);
    std::free(objects[victim]);
    objects[victim] = allocate_and_touch(sizes.at(quantile));
  }
  for (void* object : objects) std::free(object);
}

}  // namespace

void add_lifetimes(RowList& rows) {
  const auto add = [&rows](std::uint32_t live, std::int64_t iterations) {
    rows.with_one_and_two_threads({.name = "lifetimes/" + std::to_string(live),
                                   .iterations = iterations,
                                   .operations = 1,
                                   .body = [live](auto& state) { lifetimes(state, live); }});
  };
  add(1'000, 5'000'000);
  add(100'000, 2'000'000);
}

}  // namespace bench
