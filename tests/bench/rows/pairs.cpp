// SPDX-License-Identifier: MIT OR Apache-2.0
// pair/SIZE: malloc and free of one block, again and again. The cost of the calls themselves.
#include <cstdlib>

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

}  // namespace

void add_pairs(RowList& rows) {
  constexpr std::size_t sizes[] = {16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384};
  for (const std::size_t size : sizes) {
    rows.with_one_and_two_threads({.name = "pair/" + std::to_string(size),
                                   .iterations = 10'000'000,
                                   .operations = 1,
                                   .body = [size](auto& state) { pair(state, size); }});
  }
}

}  // namespace bench
