// SPDX-License-Identifier: MIT OR Apache-2.0
// pipe/…: one thread allocates and writes, hands the block over through a ring of 1,024, the other
// reads and frees. No block is freed by the thread that allocated it.
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "rows/rows.hpp"
#include "support/block.hpp"
#include "support/random.hpp"
#include "support/ring.hpp"

namespace bench {
namespace {

using Pipe = Ring<1024>;

void produce(benchmark::State& state, Pipe& pipe, const LogUniformSizes& sizes) {
  Random random(1);
  for (auto _ : state) pipe.push(allocate_and_touch(sizes.draw(random)));
}

void consume(benchmark::State& state, Pipe& pipe) {
  for (auto _ : state) {
    void* block = pipe.pop();
    benchmark::DoNotOptimize(*bytes_of(block));
    std::free(block);
  }
}

}  // namespace

void add_pipes(RowList& rows) {
  const auto add = [&rows](std::string name, LogUniformSizes sizes) {
    rows.with_two_threads({.name = std::move(name),
                           .iterations = 3'000'000,
                           .operations = 1,
                           .body = [sizes, pipe = std::make_shared<Pipe>()](auto& state) {
                             if (state.thread_index() == 0) {
                               produce(state, *pipe, sizes);
                             } else {
                               consume(state, *pipe);
                             }
                           }});
  };
  add("pipe/64", LogUniformSizes(64, 64));
  add("pipe/mixed", LogUniformSizes(8, 4096));
}

}  // namespace bench
