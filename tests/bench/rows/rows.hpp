// SPDX-License-Identifier: MIT OR Apache-2.0
// The rows of the benchmark. A file a family; each adds its rows to a RowList.
#pragma once

#include <benchmark/benchmark.h>

#include <cstdint>
#include <functional>
#include <string>

namespace bench {

struct Row {
  std::string name;
  // Per thread, at scale 1: chosen so that a row takes a tenth of a second to half a second. Fixed,
  // not found by trial, so that every allocator does the same work and peak memory is comparable.
  std::int64_t iterations;
  // Operations in one iteration. Times are reported for one operation.
  std::int64_t operations;
  std::function<void(benchmark::State&)> body;
};

class RowList {
 public:
  explicit RowList(double scale) noexcept : scale_(scale) {}

  // The same body once with one thread and once with two, each thread on objects of its own.
  void with_one_and_two_threads(const Row& row);
  void with_one_thread(const Row& row);
  void with_two_threads(const Row& row);
  // More than most machines that measure have processors.
  void with_four_and_eight_threads(const Row& row);

 private:
  void add(const Row& row, int threads);

  double scale_;
};

void add_pairs(RowList& rows);
void add_batches(RowList& rows);
void add_lifetimes(RowList& rows);
void add_realloc(RowList& rows);
void add_churn(RowList& rows);
void add_pipes(RowList& rows);
void add_exchange(RowList& rows);

}  // namespace bench
