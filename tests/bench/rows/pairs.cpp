// SPDX-License-Identifier: MIT OR Apache-2.0
// pair/SIZE: malloc and free of one block, again and again. The cost of the calls themselves.
// pair/SIZE/joined: one thread, in a process that has had a second one, which has ended.
#include <cstdlib>
#include <thread>
#include <utility>

#include "rows/rows.hpp"

namespace bench {
namespace {

void pair(benchmark::State& state, std::size_t size) {
  for (auto _ : state) {
    void* block = std::malloc(size);
    benchmark::DoNotOptimize(block);
    std::free(block);
  }
}

void pair_after_a_thread(benchmark::State& state, std::size_t size) {
  std::thread([] {}).join();
  state.counters["joined_a_thread"] = 1;
  pair(state, size);
}

Row row(std::string name, void (*body)(benchmark::State&, std::size_t), std::size_t size) {
  return {.name = "pair/" + std::move(name),
          .iterations = 10'000'000,
          .operations = 1,
          .body = [body, size](auto& state) { body(state, size); }};
}

}  // namespace

void add_pairs(RowList& rows) {
  constexpr std::size_t sizes[] = {16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384};
  for (const std::size_t size : sizes) {
    rows.with_one_and_two_threads(row(std::to_string(size), pair, size));
  }
  rows.with_one_thread(row("64/joined", pair_after_a_thread, 64));
}

}  // namespace bench
