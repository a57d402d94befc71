// SPDX-License-Identifier: MIT OR Apache-2.0
// lifetimes/LIVE: a random one of LIVE objects dies and another is born, sizes log-uniform over 8
// to 4,096 bytes. The nearest of the rows to a program of small objects. lifetimes/LIVE/MOST: sizes
// of up to MOST; where that is 16 KiB, uniform, so that most objects are large for a size class.
#include <cstdint>
#include <cstdlib>

#include "rows/rows.hpp"
#include "support/block.hpp"
#include "support/mapped_array.hpp"
#include "support/random.hpp"

namespace bench {
namespace {

template <class Sizes>
void lifetimes(benchmark::State& state, std::uint32_t live, std::uint32_t most) {
  const Sizes sizes(8, most);
  Random random(static_cast<std::uint64_t>(state.thread_index()) + 1);
  MappedArray<void*> objects(live);
  for (void*& object : objects) object = allocate_and_touch(sizes.draw(random));
  for (auto _ : state) {
    const auto [victim, quantile] = random.below(live, Sizes::quantiles);
    std::free(objects[victim]);
    objects[victim] = allocate_and_touch(sizes.at(quantile));
  }
  for (void* object : objects) std::free(object);
}

template <class Sizes>
Row row(std::string name, std::uint32_t live, std::uint32_t most, std::int64_t iterations) {
  return {.name = "lifetimes/" + std::move(name),
          .iterations = iterations,
          .operations = 1,
          .body = [live, most](auto& state) { lifetimes<Sizes>(state, live, most); }};
}

}  // namespace

void add_lifetimes(RowList& rows) {
  const Row few = row<LogUniformSizes>("1000", 1'000, 4096, 5'000'000);
  rows.with_one_and_two_threads(few);
  rows.with_four_and_eight_threads(few);
  rows.with_one_and_two_threads(row<LogUniformSizes>("100000", 100'000, 4096, 2'000'000));
  rows.with_one_and_two_threads(row<LogUniformSizes>("50000/1KiB", 50'000, 1024, 2'000'000));
  rows.with_one_thread(row<UniformSizes>("10000/16KiB", 10'000, 16384, 1'000'000));
  rows.with_one_thread(row<UniformSizes>("50000/16KiB", 50'000, 16384, 1'000'000));
}

}  // namespace bench
