// SPDX-License-Identifier: MIT OR Apache-2.0
// A firmware whose cores allocate and free all the while, and whose timer interrupts do so too, on
// every core. Each block carries a pattern that is verified before it is freed; some are freed by
// another core, or by a handler, than allocated them. In the end everything is freed, and the heap
// must be as empty as it was.
//
//   firmware [operations]      allocations and frees together, of all cores; a million unless told
#include <stdio.h>
#include <stdlib.h>

#include "../../firmware/blocks.hpp"
#include "../../firmware/report.hpp"
#include "heap.hpp"
#include "rsb/port/cores.hpp"
#include "rsb/port/interrupts.hpp"

namespace firmware {

// The first core that has something to say says it.
void fail(const char* why, const void* where) {
  static constinit unsigned is_failing = 0;
  rsb::CoreInterrupts::mask();
  while (__atomic_exchange_n(&is_failing, 1u, __ATOMIC_ACQUIRE) != 0) rsb::spin_hint();
  printf("FAILED: %s (core %u, %p)\n", why, rsb::port::this_core(), where);
  _Exit(1);
}

namespace {

using rsb::port::most_cores;

// What one context of execution did: only it writes them.
struct Counts {
  uint64_t allocated = 0;
  uint64_t freed = 0;
  uint64_t refused = 0;  // allocations that returned null
};

// A core's main loop, and the handler that interrupts it.
struct Core {
  Random random{0};
  Block blocks[1024];
  Box<16> for_loop;  // by other cores and by handlers, to be freed
  Counts by_loop;

  Random handlers_random{0};
  Block handlers_blocks[32];
  Box<16> for_handler;  // by all cores, to be freed
  Counts by_handler;
  uint64_t interrupts = 0;
  uint64_t seen_of_neighbour = 0;  // see watch_neighbour()
  uint64_t seen_at = 0;

  bool is_done = false;  // with its share of the work
};

constinit Core cores[most_cores];
constinit unsigned count = 1;  // of them, how many there are
constinit uint64_t operations_wanted = 1'000'000;

uint64_t operations_of(const Core& core) {
  return core.by_loop.allocated + core.by_loop.freed + core.by_handler.allocated +
         core.by_handler.freed;
}

uint64_t operations() {
  uint64_t sum = 0;
  for (const Core& core : cores) sum += operations_of(core);
  return sum;
}

void verify() {
  if (const char* const broken = rsb::inspect(heap).check()) fail(broken);
}

// ---- The main loops -----------------------------------------------------------------------------

Block allocate(Core& core) {
  // One in a thousand has whole pages.
  const bool is_large = core.random.below(1000) == 0;
  const uint32_t bytes = is_large ? Heap::page + core.random.size(15) : core.random.size(8);
  const Block block{heap.allocate(bytes), bytes, core.random.next()};
  if (!block) {
    core.by_loop.refused++;
    return {};
  }
  core.by_loop.allocated++;
  fill(block);
  return block;
}

void free(Core& core, Block& block) {
  if (!is_intact(block)) fail("a block was damaged", block.memory);
  heap.deallocate(block.memory);
  core.by_loop.freed++;
  block = {};
}

// Frees one block or allocates one; or leaves a block to another core's loop or to a handler.
void step(Core& core) {
  Block& block = core.blocks[core.random.below(sizeof core.blocks / sizeof *core.blocks)];
  if (!block) {
    block = allocate(core);
    return;
  }
  const uint32_t choice = core.random.below(16);
  const unsigned other = core.random.below(count);
  if (choice == 0 && cores[other].for_loop.put(block)) {
    block = {};
  } else if (choice == 1 && cores[other].for_handler.put(block)) {
    block = {};
    rsb::port::interrupt_core(other);
  } else {
    free(core, block);
  }
  if (choice == 2) {
    while (Block foreign = core.for_loop.take()) free(core, foreign);
  }
}

// ---- The interrupt handler ----------------------------------------------------------------------

constexpr uint32_t interrupts_per_second = 5'000;

Block allocate_in_handler(Core& core) {
  const uint32_t bytes = core.handlers_random.size(8);
  const Block block{heap.allocate_nowait(bytes), bytes, core.handlers_random.next()};
  if (!block) {
    core.by_handler.refused++;  // another core is in the heap: a handler does not wait for it
    return {};
  }
  core.by_handler.allocated++;
  fill(block);
  return block;
}

void free_in_handler(Core& core, Block& block) {
  if (!is_intact(block)) fail("a block was damaged", block.memory);
  heap.deallocate_nowait(block.memory);
  core.by_handler.freed++;
  block = {};
}

bool is_done(const Core& core) {
  return __atomic_load_n(&core.is_done, __ATOMIC_ACQUIRE);
}

// Ends a firmware that hangs: each core watches the next one.
void watch_neighbour(Core& core) {
  const Core& neighbour = cores[(rsb::port::this_core() + 1) % count];
  const uint64_t operations = neighbour.by_loop.allocated + neighbour.by_loop.freed;
  if (operations != core.seen_of_neighbour || is_done(neighbour)) {
    core.seen_of_neighbour = operations;
    core.seen_at = core.interrupts;
  } else if (core.interrupts - core.seen_at > 10'000) {
    fail("a core hangs", &neighbour);
  }
}

void handle_timer(void* context) {
  Core& core = *static_cast<Core*>(context);
  core.interrupts++;
  while (Block block = core.for_handler.take()) free_in_handler(core, block);
  for (int i = 0; i < 2; i++) {
    Block& block = core.handlers_blocks[core.handlers_random.below(32)];
    if (block) {
      free_in_handler(core, block);
    } else {
      block = allocate_in_handler(core);
    }
  }
  if (Block block = allocate_in_handler(core)) {
    if (!core.for_loop.put(block)) free_in_handler(core, block);
  }
  watch_neighbour(core);
}

// ---- Altogether ---------------------------------------------------------------------------------

void work(void* context) {
  Core& core = *static_cast<Core*>(context);
  const uint64_t share = operations_wanted / count + 1;
  const uint32_t period =
      static_cast<uint32_t>(rsb::port::ticks_per_second() / interrupts_per_second);
  rsb::port::start_timer(period, handle_timer, &core);
  uint64_t next_check = share / 8;
  while (operations_of(core) < share) {
    step(core);
    if (&core == cores && operations_of(core) >= next_check) {
      next_check += share / 8;
      MeasuredInterrupts::set_purpose(For::upkeep);
      verify();
      MeasuredInterrupts::set_purpose(For::calls);
    }
  }
  // The others are interrupted, and watched, until all are done.
  __atomic_store_n(&core.is_done, true, __ATOMIC_RELEASE);
  for (unsigned i = 0; i < count; i++) {
    while (!is_done(cores[i])) rsb::spin_hint();
  }
  rsb::port::stop_timer();
}

void run_all_cores() {
  for (unsigned i = 0; i < count; i++) {
    cores[i].random = Random(2 * i + 1);
    cores[i].handlers_random = Random(2 * i + 2);
  }
  for (unsigned i = 1; i < count; i++) {
    if (!rsb::port::start_core(i, work, &cores[i])) fail("a core does not start");
  }
  work(&cores[0]);
  for (unsigned i = 1; i < count; i++) rsb::port::wait_for_core(i);
}

void free_everything() {
  Core& me = cores[0];
  for (Core& core : cores) {
    for (Block& block : core.blocks) {
      if (block) free(me, block);
    }
    for (Block& block : core.handlers_blocks) {
      if (block) free(me, block);
    }
    while (Block block = core.for_loop.take()) free(me, block);
    while (Block block = core.for_handler.take()) free(me, block);
  }
  heap.trim();
}

// Everything that was allocated was freed, and all memory is where it came from.
void verify_nothing_is_lost() {
  verify();
  Counts all;
  for (const Core& core : cores) {
    all.allocated += core.by_loop.allocated + core.by_handler.allocated;
    all.freed += core.by_loop.freed + core.by_handler.freed;
    if (core.by_loop.refused != 0) fail("there was no memory");
  }
  const rsb::Stats s = rsb::inspect(heap).stats();
  if (all.allocated != all.freed) fail("a block was lost on its way");
  if (s.live_blocks != 0 || s.live_bytes != 0) fail("blocks are left in the heap");
  if (s.used_bytes != s.reserved_pages * Heap::page) fail("pages are left in use");
  if (s.acquired_bytes > Heap::options.acquire_size) fail("more is left than the reserve's pages");
  if (heap.pages().source().in_use() * Frames::frame != s.acquired_bytes)
    fail("frames are missing");
}

void print_cores() {
  printf("core   by loop  by handler  interrupts  refused to handler\n");
  for (unsigned i = 0; i < count; i++) {
    const Core& core = cores[i];
    printf("%4u %9llu %11llu %11llu %19llu\n", i,
           static_cast<unsigned long long>(core.by_loop.allocated + core.by_loop.freed),
           static_cast<unsigned long long>(core.by_handler.allocated + core.by_handler.freed),
           static_cast<unsigned long long>(core.interrupts),
           static_cast<unsigned long long>(core.by_handler.refused));
  }
}

}  // namespace
}  // namespace firmware

// Heap's fault hook.
extern "C" void rsb_fault(rsb_fault_kind kind, const void* address) {
  firmware::fail(rsb::fault_name(static_cast<rsb::Fault>(kind)), address);
}

int main(int argc, char** argv) {
  using namespace firmware;
  // The last argument: picolibc puts a name of its own before the program's.
  if (argc > 1 && atoll(argv[argc - 1]) > 0) {
    operations_wanted = static_cast<uint64_t>(atoll(argv[argc - 1]));
  }
  count = rsb::port::cores();
  manage_memory();
  printf("%u cores, %zu frames of %zu bytes\n", count, heap.pages().source().count(),
         Frames::frame);

  MeasuredInterrupts::set_purpose(For::calls);
  run_all_cores();
  MeasuredInterrupts::set_purpose(For::upkeep);
  print_cores();
  print_statistics(heap);
  print_bins(heap);
  print_map<Frames::most / 16>(heap);
  verify();

  free_everything();
  printf("\neverything freed\n");
  print_statistics(heap);
  verify_nothing_is_lost();
  if (MeasuredInterrupts::most_instructions(For::calls) != 0) {
    print_masked_time<MeasuredInterrupts>();
  }
  printf("passed: %llu operations, no block lost, no byte damaged, every invariant holds\n",
         static_cast<unsigned long long>(operations()));
  return 0;
}
