// SPDX-License-Identifier: MIT OR Apache-2.0
// Three tasks of a scheduler that is this program's own, and a timer's handler, all of which
// allocate and free, on Arm's MPS2 boards. Each block has a pattern that is verified before it is
// freed; some are freed by the handler that a task allocated, and the other way round. A second
// handler is of a priority that the heap does not mask: it allocates nothing, and sees the heap at
// work.
#include <stdio.h>
#include <stdlib.h>

#include "../../../ports/firmware/blocks.hpp"
#include "FreeRTOS.h"
#include "rsb/fault.hpp"
#include "task.h"

using firmware::Block;
using firmware::Random;

namespace {

[[noreturn]] void fail(const char* why) {
  printf("FAILED: %s\n", why);
  _Exit(1);
}

// ---- The processor and the board ----

volatile uint32_t& device_register(uintptr_t address) {
  return *reinterpret_cast<volatile uint32_t*>(address);
}

// Armv7-M, B3.2 to B3.4.
void pend_switch() {
  device_register(0xe000'ed04) = 1u << 28;  // PendSV
}
void start_ticks(uint32_t cycles) {
  device_register(0xe000'ed20) = 0xffffu << 16;  // SysTick and PendSV: of the lowest priority
  device_register(0xe000'e014) = cycles - 1;
  device_register(0xe000'e018) = 0;
  device_register(0xe000'e010) = 7;
}
void enable_interrupt(unsigned number, uint32_t priority) {
  volatile uint32_t& priorities = device_register(0xe000'e400 + number / 4 * 4);
  priorities = priorities | priority << (number % 4 * 8);
  device_register(0xe000'e100) = 1u << number;
}

// Timer 0 or 1 of the board, and its interrupt (AN385, 4.1 and 4.3).
struct Timer {
  uintptr_t at;
  unsigned interrupt;

  void start(uint32_t cycles, uint32_t priority) const {
    enable_interrupt(interrupt, priority);
    device_register(at + 8) = cycles - 1;
    device_register(at + 4) = cycles - 1;
    device_register(at) = 9;  // on, and interrupts
  }
  void clear() const { device_register(at + 12) = 1; }
  void stop() const { device_register(at) = 0; }
};
constexpr Timer for_heap{0x4000'1000, 9};
constexpr Timer above{0x4000'0000, 8};

// One of the dual timers, which only counts: down, at 25 MHz.
void start_clock() {
  device_register(0x4000'2000) = UINT32_MAX;
  device_register(0x4000'2008) = 0x82;  // on, of 32 bits
}
uint32_t now() {
  return ~device_register(0x4000'2004);
}

// The vectors are copied to where handlers can be added.
alignas(256) uint32_t vectors[64];
void set_vectors() {
  volatile uint32_t& table = device_register(0xe000'ed08);
  for (unsigned i = 0; i < 16; i++) vectors[i] = reinterpret_cast<volatile uint32_t*>(table)[i];
  table = reinterpret_cast<uint32_t>(vectors);
}
void set_handler(unsigned interrupt, void (*handler)()) {
  vectors[16 + interrupt] = reinterpret_cast<uint32_t>(handler);
}

// ---- For how long the heap masks ----

volatile uint32_t interrupts_above = 0;  // by what is not masked
uint32_t masked_since, above_before, longest_masked;

template <class Work>
uint32_t ticks_of(Work work) {
  const uint32_t since = now();
  work();
  return now() - since;
}

// As many as take `ticks`, where each takes the same time. With all interrupts stopped.
[[maybe_unused]] uint32_t instructions_of(uint32_t ticks) {
  const uint32_t nothing = ticks_of([] {});
  const uint32_t loop = ticks_of([] {
    uint32_t count = 50'000;
    asm volatile(".syntax unified\n1: subs %0, %0, #1\n bne 1b" : "+l"(count)::"cc");
  });
  return static_cast<uint32_t>(uint64_t{ticks - nothing} * 100'000 / (loop - nothing));
}

// ---- The scheduler ----

constexpr unsigned tasks = 3;
alignas(8) uint32_t stacks[tasks][512];
uint32_t* contexts[tasks];  // of those that do not run
volatile unsigned running = 0;
volatile bool is_suspended = false;

// As arm_pendsv_isr() stores it: r4 to r11 and the exception's return, and above what the processor
// stores itself.
void make_task(unsigned number, void (*function)()) {
  uint32_t* const context = stacks[number] + 512 - 17;
  for (unsigned i = 0; i < 17; i++) context[i] = 0;
  context[8] = 0xffff'fffd;  // to a thread, with this stack
  context[15] = reinterpret_cast<uint32_t>(function) & ~1u;
  context[16] = 1u << 24;  // Thumb
  contexts[number] = context;
}

[[gnu::naked, noreturn]] void become_task(void* /*stack*/, void (*)()) {
  asm volatile(
      ".syntax unified\n"
      "msr psp, r0\n"
      "movs r2, #2\n"
      "msr control, r2\n"
      "isb\n"
      "blx r1\n"
      "b .\n");
}

}  // namespace

extern "C" {

void test_begin_masked() {
  above_before = interrupts_above;
  masked_since = now();
}
void test_end_masked() {
  const uint32_t ticks = now() - masked_since;
  if (ticks > longest_masked && interrupts_above == above_before) longest_masked = ticks;
}

uint32_t* test_next_context(uint32_t* context) {
  contexts[running] = context;
  running = (running + 1) % tasks;
  return contexts[running];
}

[[gnu::naked]] void arm_pendsv_isr() {
  asm volatile(
      ".syntax unified\n"
      "mrs r0, psp\n"
#if defined(__ARM_FP)
      "tst lr, #16\n it eq\n vstmdbeq r0!, {s16-s31}\n"
#endif
      "subs r0, #36\n"
      "mov r3, r0\n"
      "stmia r0!, {r4-r7}\n"
      "mov r4, r8\n mov r5, r9\n mov r6, r10\n mov r7, r11\n mov r2, lr\n"
      "stmia r0!, {r4-r7}\n"
      "str r2, [r0]\n"
      "mov r0, r3\n"
      "bl test_next_context\n"
      "mov r1, r0\n"
      "adds r1, #16\n"
      "ldmia r1!, {r4-r7}\n"
      "mov r8, r4\n mov r9, r5\n mov r10, r6\n mov r11, r7\n"
      "ldmia r1!, {r2}\n"
      "ldmia r0!, {r4-r7}\n"
      "mov lr, r2\n"
#if defined(__ARM_FP)
      "tst lr, #16\n it eq\n vldmiaeq r1!, {s16-s31}\n"
#endif
      "msr psp, r1\n"
      "bx lr\n");
}

void arm_systick_isr() {
  if (!is_suspended) pend_switch();
}

void vTaskSuspendAll() {
  is_suspended = true;
}
BaseType_t xTaskResumeAll() {
  is_suspended = false;
  return 0;
}

void test_heap_fault(int kind) {
  fail(rsb::fault_name(static_cast<rsb::Fault>(kind)));
}

}  // extern "C"

namespace {

// ---- What all do ----

// Blocks on their way from one task to the handler, or back.
class Channel {
 public:
  bool put(const Block& block) {
    const unsigned end = end_;
    if (end - begin_ == capacity) return false;
    blocks_[end % capacity] = block;
    asm volatile("" ::: "memory");
    end_ = end + 1;
    return true;
  }
  Block take() {
    const unsigned begin = begin_;
    if (begin == end_) return {};
    const Block block = blocks_[begin % capacity];
    asm volatile("" ::: "memory");
    begin_ = begin + 1;
    return block;
  }

 private:
  static constexpr unsigned capacity = 8;
  Block blocks_[capacity];
  volatile unsigned begin_ = 0;
  volatile unsigned end_ = 0;
};
Channel to_handler, from_handler;

// One's own blocks, and what one has done.
struct Work {
  Random random;
  unsigned doublings;
  Block blocks[24] = {};
  uint32_t allocated = 0;
  uint32_t freed = 0;
  uint32_t refused = 0;

  void free(Block& block) {
    if (!is_intact(block)) fail("a block was damaged");
    vPortFree(block.memory);
    block = {};
    freed++;
  }
  Block allocate() {
    const uint32_t bytes = random.size(doublings);
    const Block block{pvPortMalloc(bytes), bytes, random.next()};
    if (!block) {
      refused++;
      return {};
    }
    allocated++;
    fill(block);
    return block;
  }
  Block& step() {
    Block& block = blocks[random.below(24)];
    if (block) {
      free(block);
    } else {
      block = allocate();
    }
    return block;
  }
  void free_all() {
    for (Block& block : blocks) {
      if (block) free(block);
    }
  }
};
Work work[tasks] = {{Random(1), 8}, {Random(2), 6}, {Random(3), 7}};
Work handlers{Random(4), 4};
volatile uint32_t interrupts = 0;
volatile uint32_t above_a_mask = 0;

void handle_for_heap() {
  for_heap.clear();
  interrupts = interrupts + 1;
  while (Block block = to_handler.take()) handlers.free(block);
  handlers.step();
  if (Block parcel = handlers.allocate()) {
    if (!from_handler.put(parcel)) handlers.free(parcel);
  }
}

void handle_above() {
  above.clear();
  interrupts_above = interrupts_above + 1;
#if __ARM_ARCH >= 7
  uint32_t mask;
  asm volatile("mrs %0, basepri" : "=r"(mask));
  if (mask != 0) above_a_mask = above_a_mask + 1;
#endif
#if defined(TEST_ABOVE_ALLOCATES)
  vPortFree(pvPortMalloc(8));
#endif
}

// ---- The tasks ----

constexpr uint32_t operations = 20'000;
[[maybe_unused]] constexpr uint32_t most_masked = 300;  // instructions
volatile bool stop = false;
volatile unsigned stopped = 0;

void task_1() {  // gives to the handler
  Work& mine = work[1];
  while (!stop) {
    if (Block& block = mine.step()) {
      if (to_handler.put(block)) block = {};
    }
  }
  stopped = stopped + 1;
  for (;;) {
  }
}

void task_2() {  // takes from it
  Work& mine = work[2];
  while (!stop) {
    mine.step();
    while (Block block = from_handler.take()) mine.free(block);
  }
  while (stopped == 0) {
  }
  stopped = stopped + 1;
  for (;;) {
  }
}

void check_statistics(size_t all) {
  HeapStats_t s;
  vPortGetHeapStats(&s);
  uint32_t allocated = handlers.allocated;
  for (const Work& one : work) allocated += one.allocated;
  if (s.xNumberOfSuccessfulAllocations != allocated) fail("allocations were not all counted");
  if (s.xNumberOfSuccessfulFrees != allocated) fail("frees were not all counted");
  if (s.xAvailableHeapSpaceInBytes != all) fail("memory is left in use");
  if (s.xNumberOfFreeBlocks != 1) fail("memory is in pieces");
  if (s.xSizeOfLargestFreeBlockInBytes != all) fail("the one piece is not all");
  if (s.xMinimumEverFreeBytesRemaining > all / 2) fail("memory was hardly used");
}

size_t all_bytes;

void task_0() {  // sees to it that all end, and that nothing is left
  while (work[0].allocated + work[0].freed < operations) {
    work[0].step();
    HeapStats_t s;
    if (work[0].allocated % 64 == 0) vPortGetHeapStats(&s);
  }
  stop = true;
  while (stopped != tasks - 1) {
  }
  for_heap.stop();
  above.stop();
  device_register(0xe000'e010) = 0;  // no ticks
#if !defined(TEST_MASKS_AS_CORE)
  const uint32_t masked = instructions_of(longest_masked);
  printf("masked     for %lu instructions at most\n", static_cast<unsigned long>(masked));
  if (masked == 0) fail("how long interrupts were masked was not measured");
  if (masked > most_masked) fail("interrupts were masked for too long");
#endif
  for (Work& one : work) one.free_all();
  handlers.free_all();
  while (Block block = to_handler.take()) handlers.free(block);
  while (Block block = from_handler.take()) handlers.free(block);
  for (const Work& one : work) {
    printf("task       %8lu allocated %8lu freed %6lu refused\n",
           static_cast<unsigned long>(one.allocated), static_cast<unsigned long>(one.freed),
           static_cast<unsigned long>(one.refused));
    if (one.allocated < operations / 8) fail("a task hardly ran");
  }
  printf("handler    %8lu allocated %8lu freed %6lu refused in %lu interrupts\n",
         static_cast<unsigned long>(handlers.allocated), static_cast<unsigned long>(handlers.freed),
         static_cast<unsigned long>(handlers.refused), static_cast<unsigned long>(interrupts));
  printf("above      %lu interrupts, %lu of them while the heap was at work\n",
         static_cast<unsigned long>(interrupts_above), static_cast<unsigned long>(above_a_mask));
  if (handlers.allocated < 1'000) fail("the handler hardly ran");
  if (interrupts_above < 1'000) fail("the handler above hardly ran");
#if __ARM_ARCH >= 7 && !defined(TEST_MASKS_AS_CORE)
  if (above_a_mask == 0) fail("the heap masked what it need not");
#endif
  check_statistics(all_bytes);
  printf("passed\n");
  _Exit(0);
}

}  // namespace

int main() {
  set_vectors();
  set_handler(for_heap.interrupt, handle_for_heap);
  set_handler(above.interrupt, handle_above);
  start_clock();
  all_bytes = xPortGetFreeHeapSize();
  longest_masked = 0;  // of the first call, which enters the memory
  make_task(1, task_1);
  make_task(2, task_2);
  start_ticks(50'021);
  for_heap.start(14'009, configMAX_SYSCALL_INTERRUPT_PRIORITY);
  above.start(9'001, 0);
  become_task(stacks[0] + 512, task_0);
}
