// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb_bench: times whatever malloc the process has. Which one that is, LD_PRELOAD decides.
//
// Beside Google Benchmark's own options:
//   --scale=0.1   a tenth of the iterations
//   --malloc      print the file that provides malloc, and nothing else
#include <benchmark/benchmark.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "rows/rows.hpp"
#include "support/process.hpp"

namespace {

struct Options {
  double scale = 1;
  bool print_malloc = false;
};

// Takes our own options out of the arguments.
Options take_options(int& count, char** arguments) {
  Options options;
  int kept = 1;
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument.starts_with("--scale=")) {
      options.scale = std::strtod(arguments[i] + std::string_view("--scale=").size(), nullptr);
    } else if (argument == "--malloc") {
      options.print_malloc = true;
    } else {
      arguments[kept++] = arguments[i];
    }
  }
  count = kept;
  return options;
}

}  // namespace

int main(int count, char** arguments) {
  const Options options = take_options(count, arguments);
  if (options.print_malloc) {
    std::puts(bench::file_that_provides_malloc());
    return 0;
  }
  benchmark::Initialize(&count, arguments);
  if (benchmark::ReportUnrecognizedArguments(count, arguments)) return 1;

  bench::RowList rows(options.scale);
  bench::add_pairs(rows);
  bench::add_batches(rows);
  bench::add_lifetimes(rows);
  bench::add_realloc(rows);
  bench::add_churn(rows);
  bench::add_pipes(rows);
  bench::add_exchange(rows);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
