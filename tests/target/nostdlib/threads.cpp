// SPDX-License-Identifier: MIT OR Apache-2.0
// Threads made by the system call alone: the spinlock is all that keeps them apart.
#include "rsb/rsb.h"
#include "rsb/syscall.hpp"
#include "runtime.hpp"

extern "C" void* malloc(size_t size);
extern "C" void* realloc(void* block, size_t size);
extern "C" void free(void* block);

// Makes a thread that calls function(argument) and ends. `stack` is its end; the two words below it
// are the argument and the function. Returns what the kernel does.
extern "C" long make_thread(unsigned long flags, void* stack);
#if defined(__x86_64__)
asm(".globl make_thread\n"
    "make_thread:\n"
    "  mov $56, %eax\n"
    "  xor %edx, %edx\n"
    "  xor %r10d, %r10d\n"
    "  xor %r8d, %r8d\n"
    "  syscall\n"
    "  test %rax, %rax\n"
    "  jnz 1f\n"
    "  xor %ebp, %ebp\n"
    "  pop %rdi\n"
    "  pop %rax\n"
    "  call *%rax\n"
    "  mov $60, %eax\n"
    "  xor %edi, %edi\n"
    "  syscall\n"
    "1: ret\n");
#else
asm(".globl make_thread\n"
    "make_thread:\n"
    "  mov x8, #220\n"
    "  mov x2, #0\n"
    "  mov x3, #0\n"
    "  mov x4, #0\n"
    "  svc #0\n"
    "  cbnz x0, 1f\n"
    "  ldp x0, x1, [sp], #16\n"
    "  mov x29, #0\n"
    "  mov x30, #0\n"
    "  blr x1\n"
    "  mov x8, #93\n"
    "  mov x0, #0\n"
    "  svc #0\n"
    "1: ret\n");
#endif

namespace {

constexpr unsigned threads = 4;
constexpr int rounds = 20'000;
unsigned ended = 0;

struct Block {
  size_t size;
  unsigned char byte;
  bool is_intact() const { return is_filled(this + 1, size - sizeof *this, byte); }
};
Block* exchange[64];

Block* make(size_t size, unsigned char byte) {
  Block* const block = static_cast<Block*>(malloc(size));
  REQUIRE(block != nullptr);
  *block = {size, byte};
  fill(block + 1, size - sizeof *block, byte);
  return block;
}

void release(Block* block) {
  if (block == nullptr) return;
  REQUIRE(block->is_intact());
  free(block);
}

void work(unsigned long seed) {
  uint32_t state = static_cast<uint32_t>(seed);
  for (int i = 0; i < rounds; i++) {
    state = state * 1664525u + 1013904223u;
    const size_t size = sizeof(Block) + (state >> 20) % ((state >> 10) % 100 == 0 ? 40'000 : 300);
    Block* block = make(size, static_cast<unsigned char>(state >> 24));
    if ((state >> 9) % 8 == 0) {
      block = static_cast<Block*>(realloc(block, size * 2));
      REQUIRE(block != nullptr && block->is_intact());
    }
    release(__atomic_exchange_n(&exchange[(state >> 14) % 64], block, __ATOMIC_ACQ_REL));
  }
  __atomic_fetch_add(&ended, 1, __ATOMIC_RELEASE);
}

alignas(16) char stacks[threads][65536];

void start(unsigned number) {
  uintptr_t* const stack = reinterpret_cast<uintptr_t*>(stacks[number] + sizeof stacks[number]) - 2;
  stack[0] = number + 1;
  stack[1] = reinterpret_cast<uintptr_t>(&work);
  // VM, FS, FILES, SIGHAND, THREAD, SYSVSEM.
  constexpr unsigned long flags = 0x100 | 0x200 | 0x400 | 0x800 | 0x10000 | 0x40000;
  REQUIRE(make_thread(flags, stack) > 0);
}

}  // namespace

extern "C" int main() {
  for (unsigned i = 0; i < threads; i++) start(i);
  while (__atomic_load_n(&ended, __ATOMIC_ACQUIRE) != threads) {
    REQUIRE(rsb_check() == nullptr);
    for (int i = 0; i < 100; i++) rsb::platform::system_call(rsb::platform::sys_sched_yield);
  }
  for (Block*& block : exchange) release(block);
  REQUIRE(rsb_check() == nullptr);
  rsb_stats stats;
  rsb_get_stats(&stats);
  REQUIRE(stats.live_blocks == 0);
  return 0;
}
