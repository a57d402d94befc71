// SPDX-License-Identifier: MIT OR Apache-2.0
// A program and a timer's handler that allocate, resize and free on Arm's MPS2 boards, with NuttX's
// functions over one heap. Each frees some of what the other has allocated, and verifies it first.
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <nuttx/irq.h>
#include <nuttx/mm/mm.h>
#include <syslog.h>

#include "../../../ports/firmware/blocks.hpp"

using firmware::Block;

mm_heap_s* g_mmheap = nullptr;

namespace {

[[noreturn]] void fail(const char* why) {
  printf("FAILED: %s\n", why);
  _Exit(1);
}

// Armv7-M, B3.3.
volatile uint32_t& system_register(uintptr_t address) {
  return *reinterpret_cast<volatile uint32_t*>(address);
}
void start_timer(uint32_t cycles) {
  system_register(0xe000'e014) = cycles - 1;
  system_register(0xe000'e018) = 0;
  system_register(0xe000'e010) = 7;  // the core's clock, an interrupt, go
}
void stop_timer() {
  system_register(0xe000'e010) = 0;
}

irqstate_t mask() {
  irqstate_t before;
  asm volatile("mrs %0, primask\n cpsid i" : "=r"(before)::"memory");
  return before;
}
void restore(irqstate_t before) {
  asm volatile("msr primask, %0" ::"r"(before) : "memory");
}

// Room for a few blocks on their way, without atomic instructions, which a Cortex-M0+ lacks.
class Box {
 public:
  bool put(const Block& block) {
    const irqstate_t before = mask();
    const bool has_room = count_ < most;
    if (has_room) blocks_[count_++] = block;
    restore(before);
    return has_room;
  }
  Block take() {
    const irqstate_t before = mask();
    const Block block = count_ != 0 ? blocks_[--count_] : Block{};
    restore(before);
    return block;
  }

 private:
  static constexpr unsigned most = 8;
  Block blocks_[most];
  unsigned count_ = 0;
};

alignas(8) char memory[32 * 1024];
Box for_program, for_handler;
volatile unsigned allocated_by_handler = 0;
volatile unsigned refused = 0;
volatile uint32_t seeds = 0;

// What there is of another's is verified and freed; what is new may go to it.
template <class Other, class Own>
void take_turn(Other& to, Own& from, uint32_t bytes) {
  if (const Block received = from.take()) {
    if (!is_intact(received)) fail("a block has changed on its way");
    mm_free(g_mmheap, received.memory);
  }
  Block block{mm_malloc(g_mmheap, bytes), bytes, 0};
  if (block.memory == nullptr) {
    refused = refused + 1;
    return;
  }
  const irqstate_t before = mask();
  block.seed = seeds;
  seeds = block.seed + 1;
  restore(before);
  fill(block);
  if (!to.put(block)) {
    if (!is_intact(block)) fail("a block has changed");
    mm_free(g_mmheap, block.memory);
  }
}

}  // namespace

extern "C" {

#ifdef TEST_MASKS_NOTHING
irqstate_t up_irq_save() {
  return 0;
}
void up_irq_restore(irqstate_t) {}
#else
irqstate_t up_irq_save() {
  return mask();
}
void up_irq_restore(irqstate_t flags) {
  restore(flags);
}
#endif
void test_panic() {
  _Exit(1);
}
void syslog(int, const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vprintf(format, arguments);
  va_end(arguments);
}

void arm_systick_isr() {
  allocated_by_handler = allocated_by_handler + 1;
  take_turn(for_program, for_handler, 8 + allocated_by_handler * 7 % 120);
}

}  // extern "C"

int main() {
  const mm_heap_config_s config{nullptr, "Umem", memory, sizeof memory, false};
  g_mmheap = mm_initialize_heap(&config);
  const struct mallinfo before = mm_mallinfo(g_mmheap);
  start_timer(4'937);
  constexpr unsigned turns = 8'000;
  for (unsigned turn = 0; turn < turns; turn++) {
    take_turn(for_handler, for_program, 8 + turn * 13 % 700);
    if (turn % 4 == 0) {
      Block block{mm_zalloc(g_mmheap, 40), 40, turn};
      if (block.memory == nullptr) fail("no memory for a small block");
      fill(block);
      block.memory = mm_realloc(g_mmheap, block.memory, 90);
      if (block.memory == nullptr || !is_intact(block)) fail("a block has changed with its size");
      mm_free(g_mmheap, block.memory);
    }
    if (turn % 64 == 0) (void)mm_mallinfo(g_mmheap);
  }
  stop_timer();
  while (const Block block = for_program.take()) mm_free(g_mmheap, block.memory);
  while (const Block block = for_handler.take()) mm_free(g_mmheap, block.memory);
  const struct mallinfo after = mm_mallinfo(g_mmheap);
  if (after.fordblks != before.fordblks || after.ordblks != 1) fail("not all memory is back");
  if (after.aordblks != 0) fail("not all blocks are counted");
  if (refused != 0) fail("there was no memory");
  if (allocated_by_handler < turns / 8) fail("the handler hardly ran");
  printf("%u by the handler: passed\n", allocated_by_handler);
  return 0;
}
