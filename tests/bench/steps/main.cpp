// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb_worst_case: the most instructions that a single malloc or free of up to 16 KiB executes,
// outside the page source.
//
// Every call is single-stepped while the heap is led through the states in which a call may have to
// do more than pop or push: a bin's first use, a span that runs out, is emptied or becomes usable
// again, page runs that join with both neighbours, growth, memory going back beyond the limit, and
// a random mix of it all. The same calls in every run, so the same counts.
//
//   rsb_worst_case           as long as it takes: minutes
//   rsb_worst_case --quick   smaller heaps; growth and the limit are not reached
//   rsb_worst_case --most=N  fails above N instructions, not above the target of 250, if the call
//                            needed something of the page source
//   rsb_worst_case --first=N the same for the first call of all, which needs a node of the page map
//   rsb_worst_case --where   also which functions the worst calls spend their instructions in
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "rsb/rsb.h"
#include "steps/functions.hpp"
#include "steps/stepper.hpp"
#include "support/fixed_addresses.hpp"
#include "support/mapped_array.hpp"
#include "support/random.hpp"
#include "support/verdict.hpp"

namespace {

using bench::MappedArray;
using bench::Random;

constexpr std::size_t KiB = 1024;
constexpr std::size_t span = 16 * KiB;

// Instructions by the function they are in, most first.
void print_by_function(std::span<const std::uintptr_t> trace) {
  static const std::vector<bench::FunctionRange> functions = bench::functions_named({""});
  std::map<std::string_view, int> steps;
  for (const std::uintptr_t address : trace) {
    const auto holds = [&](const auto& f) { return address >= f.begin && address < f.end; };
    const auto found = std::find_if(functions.begin(), functions.end(), holds);
    std::string_view name = "elsewhere";
    if (found != functions.end()) name = found->name;
    if (name.find("steps_of") == name.npos) ++steps[name];
  }
  std::vector<std::pair<int, std::string_view>> sorted;
  for (const auto& [name, count] : steps) sorted.emplace_back(count, name);
  std::sort(sorted.rbegin(), sorted.rend());
  for (const auto& [count, name] : sorted) {
    std::printf("    %6d %.*s\n", count, static_cast<int>(name.size()), name.data());
  }
}

// The calls of one kind in one phase: how many, and the worst.
struct Tally {
  long calls = 0;
  long total = 0;
  long worst = 0;
  std::size_t size_of_worst = 0;
  std::vector<std::uintptr_t> trace_of_worst;

  void add(long steps, std::size_t size) {
    ++calls;
    total += steps;
    if (steps <= worst) return;
    worst = steps;
    size_of_worst = size;
    const auto trace = bench::stepping::trace();
    trace_of_worst.assign(trace.begin(), trace.end());
  }

  void print(const char* call) const {
    if (calls == 0) return;
    std::printf("    %-6s worst %4ld (%5zu bytes), mean %5.1f of %ld calls\n", call, worst,
                size_of_worst, static_cast<double>(total) / static_cast<double>(calls), calls);
  }
};

enum class Length { full, quick };
enum class Detail { calls, functions };

struct Block {
  void* address;
  std::size_t size;
};

struct Worst {
  long within_heap = 0;  // of the calls that needed nothing of the page source
  long with_pages = 0;   // of those that did

  void add(long steps) {
    long& worst = bench::stepping::has_left_out() ? with_pages : within_heap;
    worst = std::max(worst, steps);
  }
};

// A heap under observation: what it is asked for is stepped and tallied, phase by phase.
class Observed {
 public:
  void enter(const char* phase) {
    print_phase();
    phase_ = phase;
    allocations_ = releases_ = {};
  }

  [[nodiscard]] Block allocate(std::size_t size) {
    void* address = nullptr;
    const long steps = bench::steps_of(&rsb_malloc, size, address);
    if (address == nullptr) std::abort();
    allocations_.add(steps, size);
    worst_allocation_.add(steps, size);
    worst_.add(steps);
    return {address, size};
  }

  void release(Block block) {
    const long steps = bench::steps_of(&rsb_free, block.address);
    releases_.add(steps, block.size);
    worst_release_.add(steps, block.size);
    worst_.add(steps);
  }

  // Prints what is left to print.
  [[nodiscard]] Worst finish(Detail detail) {
    print_phase();
    std::printf("  all\n");
    for (const auto& [call, tally] :
         {std::pair("malloc", &worst_allocation_), std::pair("free", &worst_release_)}) {
      tally->print(call);
      if (detail == Detail::functions) print_by_function(tally->trace_of_worst);
    }
    return worst_;
  }

 private:
  void print_phase() const {
    if (phase_ == nullptr) return;
    std::printf("  %s\n", phase_);
    allocations_.print("malloc");
    releases_.print("free");
    std::fflush(stdout);
  }

  const char* phase_ = nullptr;
  Tally allocations_, releases_;
  Tally worst_allocation_, worst_release_;
  Worst worst_;
};

enum class Order { first_first, last_first, even_then_odd, random };

void arrange(MappedArray<Block>& blocks, Order order) noexcept {
  const std::size_t count = blocks.size();
  Random random(3);
  switch (order) {
    case Order::first_first:
      return;
    case Order::last_first:
      for (std::size_t i = 0; i < count / 2; ++i) std::swap(blocks[i], blocks[count - 1 - i]);
      return;
    case Order::even_then_odd: {
      MappedArray<Block> before(count);
      for (std::size_t i = 0; i < count; ++i) before[i] = blocks[i];
      for (std::size_t i = 0; i < count; ++i) {
        blocks[i] = before[i < (count + 1) / 2 ? 2 * i : 2 * (i - (count + 1) / 2) + 1];
      }
      return;
    }
    case Order::random:
      for (auto i = static_cast<std::uint32_t>(count); i > 1; --i) {
        std::swap(blocks[i - 1], blocks[random.below(i)]);
      }
      return;
  }
}

constexpr Order all_orders[] = {Order::first_first, Order::last_first, Order::even_then_odd,
                                Order::random};

// Blocks beyond the span size are not measured: they fill memory, and leave holes between those
// that are.
Block allocate_any(Observed& heap, std::size_t size) {
  if (size <= span) return heap.allocate(size);
  void* address = rsb_malloc(size);
  if (address == nullptr) std::abort();
  return {address, size};
}

void release_any(Observed& heap, Block block) {
  if (block.size <= span) return heap.release(block);
  rsb_free(block.address);
}

// `count` blocks of a size, freed in an order.
void fill_and_empty(Observed& heap, std::size_t count, std::size_t size, Order order) {
  MappedArray<Block> blocks(count);
  for (Block& block : blocks) block = heap.allocate(size);
  arrange(blocks, order);
  for (const Block& block : blocks) heap.release(block);
}

void first_use(Observed& heap) {
  heap.enter("first use of a bin");
  MappedArray<Block> blocks(span / 64 + 16);
  std::size_t used = 0;
  for (std::size_t size = 1; size <= span; size += size < 128 ? 8 : 64) {
    blocks[used++] = heap.allocate(size);
  }
  for (std::size_t i = 0; i < used; ++i) heap.release(blocks[i]);
}

void spans_run_out_and_empty(Observed& heap, Length length) {
  heap.enter("spans run out and empty");
  for (const std::size_t size : {256UL, 1024UL, 3264UL, 5456UL, 8192UL, 16384UL}) {
    for (const Order order : all_orders) fill_and_empty(heap, 4 * (span / size), size, order);
  }
  if (length == Length::quick) return;
  for (const std::size_t size : {16UL, 64UL, 112UL}) {
    for (const Order order : all_orders) fill_and_empty(heap, 2 * (span / size), size, order);
  }
}

void page_runs_join(Observed& heap) {
  heap.enter("page runs join");
  for (const Order order : all_orders) fill_and_empty(heap, 128, span, order);
}

void random_mix(Observed& heap, int calls) {
  heap.enter("random mix");
  constexpr std::size_t live = 300;
  const bench::LogUniformSizes small(1, span), large(span + 1, 1024 * KiB);
  Random random(4);
  MappedArray<Block> blocks(live);
  for (int i = 0; i < calls; ++i) {
    Block& victim = blocks[random.below(live)];
    if (victim.address == nullptr) {
      const auto& sizes = random.below(8) == 0 ? large : small;
      victim = allocate_any(heap, sizes.draw(random));
    } else {
      release_any(heap, std::exchange(victim, {}));
    }
  }
  for (const Block& block : blocks) {
    if (block.address != nullptr) release_any(heap, block);
  }
}

// More than the heap acquires at a time, and, when freed, more than it keeps. Every other block is
// large and not measured, except when memory runs short: what makes the heap grow is a call that is
// measured.
void growth_and_limit(Observed& heap, const char* phase, Order order) {
  heap.enter(phase);
  constexpr std::size_t large = 7 * span, enough = 128 * KiB * KiB;
  MappedArray<Block> blocks(2 * enough / (span + large) + 64);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < blocks.size() && bytes < enough; ++i) {
    rsb_stats stats{};
    rsb_get_stats(&stats);
    const bool runs_short = stats.free_bytes < 2 * large;
    blocks[i] = allocate_any(heap, runs_short || i % 2 == 0 ? span : large);
    bytes += blocks[i].size;
  }
  arrange(blocks, order);
  for (const Block& block : blocks) {
    if (block.address != nullptr) release_any(heap, block);
  }
}

struct Options {
  Length length = Length::full;
  Detail detail = Detail::calls;
};

Worst observe(const char* threads, Options options) {
  std::printf("%s\n", threads);
  Observed heap;
  const bool full = options.length == Length::full;
  first_use(heap);
  spans_run_out_and_empty(heap, options.length);
  page_runs_join(heap);
  random_mix(heap, full ? 8000 : 2000);
  if (full) {
    growth_and_limit(heap, "growth, then free memory above the limit", Order::first_first);
    growth_and_limit(heap, "growth, then scattered memory above the limit", Order::random);
  }
  rsb_trim();
  first_use(heap);
  return heap.finish(options.detail);
}

bool prepare() {
  auto page_source =
      bench::functions_named({"_ZN3rsb8platform5Pages", "_ZNK3rsb8platform5Pages", "rsb_pages_"});
  if (page_source.empty()) {
    std::puts("  the functions of the page source were not found in the symbol table");
    return false;
  }
  for (const bench::FunctionRange& function : page_source) {
    std::printf("  left out: %s\n", function.name.c_str());
  }
  bench::leave_out(std::move(page_source));
  bench::prepare_stepping();
  return true;
}

}  // namespace

int main(int count, char** arguments) {
  bench::fix_addresses(arguments);
  Options options;
  double most = 250, most_of_first = 250;
  for (int i = 1; i < count; ++i) {
    const std::string_view argument = arguments[i];
    if (argument == "--quick") options.length = Length::quick;
    if (argument == "--where") options.detail = Detail::functions;
    if (argument.starts_with("--most=")) most = std::atoi(arguments[i] + 7);
    if (argument.starts_with("--first=")) most_of_first = std::atoi(arguments[i] + 8);
  }
  if (!prepare()) return EXIT_FAILURE;
  void* block = nullptr;
  const long first = bench::steps_of(&rsb_malloc, std::size_t{1}, block);
  rsb_free(block);
  rsb_trim();
  const Worst alone = observe("one thread in the process", options);
  rsb_trim();
  // From here on the lock is taken with atomics; the stepped thread is never made to wait.
  std::thread([] {
    while (true) std::this_thread::sleep_for(std::chrono::hours(1));
  }).detach();
  const Worst beside = observe("two threads in the process", options);
  const long within_heap = std::max(alone.within_heap, beside.within_heap);
  const long with_pages = std::max(alone.with_pages, beside.with_pages);
  bool met = bench::report("worst call within the heap, instructions",
                           static_cast<double>(within_heap), "", {bench::Bound::at_most, 250});
  met &= bench::report("first call", static_cast<double>(first), "",
                       {bench::Bound::at_most, most_of_first});
  met &= bench::report("worst call that acquires, releases or discards pages",
                       static_cast<double>(with_pages), "", {bench::Bound::at_most, most});
  return met ? EXIT_SUCCESS : EXIT_FAILURE;
}
