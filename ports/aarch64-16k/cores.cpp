// SPDX-License-Identifier: MIT OR Apache-2.0
#include "include/rsb/port/cores.hpp"

#include <stddef.h>
#include <stdint.h>

extern "C" {
#include <picotls.h>  // version 1.8 of picolibc leaves this to us
}

namespace {

// What start.S needs to know of a core, and rsb_port_core_main after it.
struct Core {
  void* stack;  // start.S: the first member
  void* thread_locals;
  void (*work)(void*);
  void* context;
  unsigned is_at_work;  // PSCI calls a core off that it is only about to switch on
};

constexpr size_t cache_line = 64;
constexpr size_t most_thread_local_bytes = 4096;

struct alignas(cache_line) Memory {
  char stack[rsb::port::core_stack_bytes];
  char thread_locals[most_thread_local_bytes];
  Core core;
};
Memory memory[rsb::port::most_cores];

// The Power State Coordination Interface, ARM DEN 0022.
enum class Psci : uint64_t {
  cpu_off = 0x84000002,
  cpu_on = 0xc4000003,
  affinity_info = 0xc4000004,
};
constexpr uint64_t success = 0;
constexpr uint64_t is_off = 1;  // affinity_info

uint64_t call(Psci function, uint64_t first = 0, uint64_t second = 0, uint64_t third = 0) {
  register uint64_t x0 asm("x0") = static_cast<uint64_t>(function);
  register uint64_t x1 asm("x1") = first;
  register uint64_t x2 asm("x2") = second;
  register uint64_t x3 asm("x3") = third;
  asm volatile("hvc #0"
               : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3)
               :
               : "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15",
                 "x16", "x17", "memory");
  return x0;
}

// For a core that reads it before its MMU and caches are on.
void write_back(const void* object, size_t bytes) {
  const char* const begin = static_cast<const char*>(object);
  for (size_t i = 0; i < bytes; i += cache_line) {
    asm volatile("dc cvac, %0" : : "r"(begin + i) : "memory");
  }
  asm volatile("dsb sy" ::: "memory");
}

bool are_thread_locals_small() {
  const size_t alignment = reinterpret_cast<uintptr_t>(__tls_align);
  return _tls_size() <= most_thread_local_bytes && alignment <= cache_line;
}

}  // namespace

extern "C" void rsb_port_core_start();

extern "C" [[noreturn]] void rsb_port_core_main(Core* core) {
  _init_tls(core->thread_locals);
  _set_tls(core->thread_locals);
  core->work(core->context);
  __atomic_store_n(&core->is_at_work, 0u, __ATOMIC_RELEASE);
  call(Psci::cpu_off);
  for (;;) asm volatile("wfi");  // QEMU lets a few more instructions pass
}

unsigned rsb::port::cores() noexcept {
  unsigned count = 1;
  while (count < most_cores && call(Psci::affinity_info, count) <= is_off) count++;
  return count;
}

bool rsb::port::start_core(unsigned core, void (*work)(void*), void* context) noexcept {
  if (core >= most_cores || !are_thread_locals_small()) return false;
  Memory& own = memory[core];
  if (__atomic_load_n(&own.core.is_at_work, __ATOMIC_ACQUIRE) != 0) return false;
  if (call(Psci::affinity_info, core) != is_off) return false;
  own.core = {own.stack + sizeof own.stack, own.thread_locals, work, context, 1};
  write_back(&own.core, sizeof own.core);
  if (call(Psci::cpu_on, core, reinterpret_cast<uintptr_t>(rsb_port_core_start),
           reinterpret_cast<uintptr_t>(&own.core)) == success) {
    return true;
  }
  own.core.is_at_work = 0;
  return false;
}

void rsb::port::wait_for_core(unsigned core) noexcept {
  if (core >= most_cores) return;
  while (__atomic_load_n(&memory[core].core.is_at_work, __ATOMIC_ACQUIRE) != 0) {
    asm volatile("yield");
  }
  while (call(Psci::affinity_info, core) != is_off) asm volatile("yield");
}
