// SPDX-License-Identifier: MIT OR Apache-2.0
// realloc/MOST: one block grows from 16 bytes to MOST by half at a time, as a vector or a string
// buffer does, is filled behind itself (a byte a 4 KiB page, and the last), and is freed. One
// operation is one whole growth.
#include <algorithm>
#include <cstdlib>

#include "rows/rows.hpp"
#include "support/block.hpp"

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
}

}  // namespace bench
