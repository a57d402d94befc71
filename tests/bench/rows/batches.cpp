// SPDX-License-Identifier: MIT OR Apache-2.0
// batch/…: 10,000 blocks are allocated, then all are freed, in an order that differs by row. What
// matters is how a free list is threaded through them, and how well it finds them again.
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "rows/rows.hpp"
#include "support/block.hpp"
#include "support/mapped_array.hpp"
#include "support/random.hpp"

namespace bench {
namespace {

constexpr std::uint32_t batch = 10'000;

enum class Order { last_first, first_first, random };

void fill(MappedArray<std::uint32_t>& order_of_frees, Order order) {
  for (std::uint32_t i = 0; i < batch; ++i) {
    order_of_frees[i] = order == Order::last_first ? batch - 1 - i : i;
  }
  if (order != Order::random) return;
  Random random(1);
  for (std::uint32_t i = batch; i > 1; --i) {  // Fisher-Yates
    std::swap(order_of_frees[i - 1], order_of_frees[random.below(i)]);
  }
}

void fill(MappedArray<std::uint32_t>& size_of, const LogUniformSizes& sizes) {
  Random random(2);
  for (std::uint32_t& size : size_of) size = static_cast<std::uint32_t>(sizes.draw(random));
}

void batches(benchmark::State& state, const LogUniformSizes& sizes, Order order) {
  MappedArray<std::uint32_t> order_of_frees(batch);
  MappedArray<std::uint32_t> size_of(batch);
  MappedArray<void*> blocks(batch);
  fill(order_of_frees, order);
  fill(size_of, sizes);
  for (auto _ : state) {
    for (std::uint32_t i = 0; i < batch; ++i) blocks[i] = allocate_and_touch(size_of[i]);
    for (const std::uint32_t i : order_of_frees) std::free(blocks[i]);
  }
}

}  // namespace

void add_batches(RowList& rows) {
  const auto add = [&rows](std::string name, LogUniformSizes sizes, Order order) {
    rows.with_one_and_two_threads(
        {.name = std::move(name),
         .iterations = 1000,
         .operations = batch,
         .body = [sizes, order](auto& state) { batches(state, sizes, order); }});
  };
  const LogUniformSizes all_64(64, 64);
  add("batch/64/lifo", all_64, Order::last_first);
  add("batch/64/fifo", all_64, Order::first_first);
  add("batch/64/random", all_64, Order::random);
  add("batch/mixed/random", LogUniformSizes(8, 1024), Order::random);
}

}  // namespace bench
