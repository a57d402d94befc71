// SPDX-License-Identifier: MIT OR Apache-2.0
// pipe/…: one thread allocates and writes, hands the block over through a ring of 1,024, the other
// reads and frees. No block is freed by the thread that allocated it. pipe/…/long: a ring of
// 65,536, which holds what a slow reader leaves to a fast writer.
#include <cstdint>
#include <cstdlib>

#include "rows/rows.hpp"
#include "support/block.hpp"
#include "support/random.hpp"
#include "support/ring.hpp"

namespace bench {
namespace {

constinit Ring<1024> ring;
constinit Ring<65536> long_ring;

template <class Pipe>
void produce(benchmark::State& state, Pipe& pipe, const LogUniformSizes& sizes) {
  Random random(1);
  for (auto _ : state) pipe.push(allocate_and_touch(sizes.draw(random)));
}

template <class Pipe>
void consume(benchmark::State& state, Pipe& pipe) {
  for (auto _ : state) {
    void* block = pipe.pop();
    benchmark::DoNotOptimize(*bytes_of(block));
    std::free(block);
  }
}

}  // namespace

void add_pipes(RowList& rows) {
  const auto add = [&rows](std::string name, LogUniformSizes sizes, auto& pipe) {
    rows.with_two_threads({.name = std::move(name),
                           .iterations = 3'000'000,
                           .operations = 1,
                           .body = [sizes, &pipe](auto& state) {
                             if (state.thread_index() == 0) {
                               produce(state, pipe, sizes);
                             } else {
                               consume(state, pipe);
                             }
                           }});
  };
  add("pipe/64", LogUniformSizes(64, 64), ring);
  add("pipe/mixed", LogUniformSizes(8, 4096), ring);
  add("pipe/mixed/long", LogUniformSizes(8, 4096), long_ring);
}

}  // namespace bench
