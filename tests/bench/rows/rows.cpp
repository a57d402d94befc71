// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rows/rows.hpp"

#include <algorithm>
#include <cmath>

#include "support/process.hpp"

namespace bench {

void RowList::with_one_and_two_threads(const Row& row) {
  add(row, 1);
  add(row, 2);
}

void RowList::with_one_thread(const Row& row) {
  add(row, 1);
}

void RowList::with_two_threads(const Row& row) {
  add(row, 2);
}

void RowList::with_four_and_eight_threads(const Row& row) {
  add(row, 4);
  add(row, 8);
}

void RowList::add(const Row& row, int threads) {
  const auto measured = [body = row.body, operations = row.operations](benchmark::State& state) {
    body(state);
    if (state.thread_index() != 0) return;
    state.counters["operations"] = static_cast<double>(operations);
    state.counters["peak_resident_bytes"] = static_cast<double>(peak_resident_bytes());
    state.counters["single_threaded"] = never_had_a_second_thread() ? 1 : 0;
  };
  const double iterations = std::round(static_cast<double>(row.iterations) * scale_);
  benchmark::RegisterBenchmark(row.name.c_str(), measured)
      ->Threads(threads)
      ->Iterations(std::max<std::int64_t>(1, static_cast<std::int64_t>(iterations)));
}

}  // namespace bench
