// SPDX-License-Identifier: MIT OR Apache-2.0
// batch/…: 10,000 blocks are allocated, then all are freed, in an order that differs by row. What
// matters is how a free list is threaded through them, and how well it finds them again.
// batch/32KiB-64KiB: 1,000 of them, touched: an allocator that gives back what is free has to pay
// for the page faults of the next batch.
#include <cstdint>
#include <cstdlib>
#include <utility>

#include "rows/rows.hpp"
#include "support/block.hpp"
#include "support/mapped_array.hpp"
#include "support/random.hpp"

namespace bench {
namespace {

enum class Order { last_first, first_first, random };

struct Batch {
  std::uint32_t blocks;
  std::size_t least;
  std::size_t most;
  Order order;
  void* (*allocate)(std::size_t size) noexcept = allocate_and_touch;
};

void fill(MappedArray<std::uint32_t>& order_of_frees, Order order) {
  const auto batch = static_cast<std::uint32_t>(order_of_frees.size());
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

void batches(benchmark::State& state, const Batch& batch) {
  MappedArray<std::uint32_t> order_of_frees(batch.blocks);
  MappedArray<std::uint32_t> size_of(batch.blocks);
  MappedArray<void*> blocks(batch.blocks);
  fill(order_of_frees, batch.order);
  fill(size_of, LogUniformSizes(batch.least, batch.most));
  for (auto _ : state) {
    for (std::uint32_t i = 0; i < batch.blocks; ++i) blocks[i] = batch.allocate(size_of[i]);
    for (const std::uint32_t i : order_of_frees) std::free(blocks[i]);
  }
}

}  // namespace

void add_batches(RowList& rows) {
  const auto row = [](std::string name, Batch batch, std::int64_t iterations) {
    return Row{.name = "batch/" + std::move(name),
               .iterations = iterations,
               .operations = batch.blocks,
               .body = [batch](auto& state) { batches(state, batch); }};
  };
  constexpr std::size_t KiB = 1024;
  rows.with_one_and_two_threads(row("64/lifo", {10'000, 64, 64, Order::last_first}, 1000));
  rows.with_one_and_two_threads(row("64/fifo", {10'000, 64, 64, Order::first_first}, 1000));
  rows.with_one_and_two_threads(row("64/random", {10'000, 64, 64, Order::random}, 1000));
  const Row mixed = row("mixed/random", {10'000, 8, 1 * KiB, Order::random}, 1000);
  rows.with_one_and_two_threads(mixed);
  rows.with_four_and_eight_threads(mixed);
  rows.with_one_and_two_threads(
      row("32KiB-64KiB", {1'000, 32 * KiB, 64 * KiB, Order::first_first, allocate_and_touch_pages},
          20));
}

}  // namespace bench
