// SPDX-License-Identifier: MIT OR Apache-2.0
// A firmware with a heap of 64 KiB, used by its main loop and by the handler of a timer that
// interrupts it. Each block carries a pattern that is verified before it is freed; some are freed
// by the handler that were allocated by the loop, and the other way round. In the end everything is
// freed, and the heap must be as empty as it was.
//
//   firmware [operations]      allocations and frees together; 200,000 unless told
#include <stdio.h>
#include <stdlib.h>

#include "../../firmware/blocks.hpp"
#include "../../firmware/small_report.hpp"
#include "heap.hpp"

namespace firmware {
namespace {

// What the loop and the handler did: each writes but its own.
struct Counts {
  uint32_t allocated = 0;
  uint32_t freed = 0;
  uint32_t refused = 0;  // allocations that returned null: the pool is small

  uint32_t operations() const { return allocated + freed; }
};

constinit Counts by_loop;
constinit Counts by_handler;
constinit volatile uint32_t interrupts = 0;

constinit Box<8> for_loop;  // to be freed there
constinit Box<8> for_handler;

[[noreturn]] void fail(const char* why, const void* where = nullptr) {
  printf("FAILED: %s (%p)\n", why, where);
  _Exit(1);
}

// ---- The main loop ------------------------------------------------------------------------------

Block allocate(Random& random) {
  const uint32_t bytes = random.size(8);
  const Block block{heap.allocate(bytes), bytes, random.next()};
  if (!block) {
    by_loop.refused++;
    return {};
  }
  by_loop.allocated++;
  fill(block);
  return block;
}

void free(Block& block) {
  if (!is_intact(block)) fail("a block was damaged", block.memory);
  heap.deallocate(block.memory);
  by_loop.freed++;
  block = {};
}

constinit Block blocks[220];

void run(uint32_t operations) {
  Random random(1);
  while (by_loop.operations() < operations) {
    while (Block block = for_loop.take()) free(block);
    Block& block = blocks[random.below(sizeof blocks / sizeof *blocks)];
    if (!block) {
      block = allocate(random);
    } else if (random.below(8) == 0 && for_handler.put(block)) {
      block = {};
    } else {
      free(block);
    }
  }
}

// ---- The interrupt handler ----------------------------------------------------------------------

constexpr uint32_t ticks_per_interrupt = 100'003;  // not in step with the loop

constinit Random handlers_random(2);
constinit Block handlers_blocks[8];

Block allocate_in_handler() {
  const uint32_t bytes = handlers_random.size(5);
  const Block block{heap.allocate_nowait(bytes), bytes, handlers_random.next()};
  if (!block) {
    by_handler.refused++;
    return {};
  }
  by_handler.allocated++;
  fill(block);
  return block;
}

void free_in_handler(Block& block) {
  if (!is_intact(block)) fail("a block was damaged", block.memory);
  heap.deallocate_nowait(block.memory);
  by_handler.freed++;
  block = {};
}

void handle_timer() {
  interrupts = interrupts + 1;
  while (Block block = for_handler.take()) free_in_handler(block);
  Block& block = handlers_blocks[handlers_random.below(8)];
  if (block) {
    free_in_handler(block);
  } else {
    block = allocate_in_handler();
  }
  if (Block parcel = allocate_in_handler()) {
    if (!for_loop.put(parcel)) free_in_handler(parcel);
  }
}

// ---- Altogether ---------------------------------------------------------------------------------

void verify() {
  if (const char* const broken = rsb::inspect(heap).check()) fail(broken);
}

void free_everything() {
  for (Block& block : blocks) {
    if (block) free(block);
  }
  for (Block& block : handlers_blocks) {
    if (block) free(block);
  }
  while (Block block = for_loop.take()) free(block);
  while (Block block = for_handler.take()) free(block);
  heap.trim();
}

void verify_nothing_is_lost() {
  verify();
  const rsb::SmallStats s = rsb::inspect(heap).stats();
  if (by_loop.allocated + by_handler.allocated != by_loop.freed + by_handler.freed) {
    fail("a block was lost on its way");
  }
  if (s.live_blocks != 0 || s.live_bytes != 0) fail("blocks are left in the heap");
  if (s.free_bytes != s.region_bytes) fail("memory is left in use");
  if (s.largest_request + heap.block_overhead != s.free_bytes) fail("memory is in pieces");
}

void print_counts() {
  printf("           allocated      freed    refused\n");
  printf("loop      %10lu %10lu %10lu\n", static_cast<unsigned long>(by_loop.allocated),
         static_cast<unsigned long>(by_loop.freed), static_cast<unsigned long>(by_loop.refused));
  printf("handler   %10lu %10lu %10lu   in %lu interrupts\n",
         static_cast<unsigned long>(by_handler.allocated),
         static_cast<unsigned long>(by_handler.freed),
         static_cast<unsigned long>(by_handler.refused), static_cast<unsigned long>(interrupts));
}

}  // namespace
}  // namespace firmware

// picolibc's name for the handler of SysTick.
extern "C" void arm_systick_isr() {
  firmware::handle_timer();
}

// The heap's fault hook.
extern "C" void rsb_fault(rsb_fault_kind kind, const void* address) {
  firmware::fail(rsb::fault_name(static_cast<rsb::Fault>(kind)), address);
}

int main(int argc, char** argv) {
  using namespace firmware;
  // The last argument: picolibc puts a name of its own before the program's.
  const long wanted = argc > 1 ? atol(argv[argc - 1]) : 0;

  Clock::start();
  heap.deallocate(heap.allocate(1));  // the first call enters the pool, which is upkeep
  Interrupts::set_purpose(For::calls);
  start_sys_tick(ticks_per_interrupt);
  run(wanted > 0 ? static_cast<uint32_t>(wanted) : 200'000);
  stop_sys_tick();

  Interrupts::set_purpose(For::upkeep);
  print_counts();
  print_statistics(heap);
  print_map<128, 9>(heap);
  verify();

  free_everything();
  printf("\neverything freed\n");
  print_statistics(heap);
  verify_nothing_is_lost();
  print_masked_time<Interrupts>();
  printf("passed: %lu operations, no block lost, no byte damaged, every invariant holds\n",
         static_cast<unsigned long>(by_loop.operations() + by_handler.operations()));
  return 0;
}
