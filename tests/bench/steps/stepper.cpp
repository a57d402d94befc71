// SPDX-License-Identifier: MIT OR Apache-2.0
#include "steps/stepper.hpp"

#include <signal.h>
#include <ucontext.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <utility>

namespace bench {
namespace {

// What the handler knows. Written only between begin() and end(), by the handler.
struct Count {
  long instructions = 0;
  // The stack pointer at the entry of a function that is left out; 0 outside of one.
  std::uintptr_t left_out_since = 0;
  bool has_left_out = false;
};

std::vector<FunctionRange> left_out;
Count count;
std::array<std::uintptr_t, 4096> addresses;
long added_by_stepping = 0;

bool is_left_out(std::uintptr_t instruction) noexcept {
  for (const FunctionRange& function : left_out) {
    if (instruction >= function.begin && instruction < function.end) return true;
  }
  return false;
}

void step(int /*signal*/, siginfo_t* /*info*/, void* context) noexcept {
  const auto& registers = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  const auto instruction = static_cast<std::uintptr_t>(registers[REG_RIP]);
  const auto stack = static_cast<std::uintptr_t>(registers[REG_RSP]);
  // Having returned, a function has taken its return address off the stack.
  if (count.left_out_since != 0 && stack <= count.left_out_since) return;
  count.left_out_since = 0;
  if (is_left_out(instruction)) {
    count.left_out_since = stack;
    count.has_left_out = true;
    return;
  }
  const auto number = static_cast<std::size_t>(count.instructions++);
  if (number < addresses.size()) addresses[number] = instruction;
}

[[gnu::noinline]] void nothing(void* argument) noexcept {
  asm volatile("" : : "r"(argument) : "memory");
}

}  // namespace

void leave_out(std::vector<FunctionRange> functions) {
  left_out = std::move(functions);
}

void prepare_stepping() {
  struct sigaction action {};
  action.sa_sigaction = step;
  action.sa_flags = SA_SIGINFO;
  if (sigaction(SIGTRAP, &action, nullptr) != 0) std::abort();
  added_by_stepping = 0;
  added_by_stepping = steps_of(&nothing, static_cast<void*>(nullptr)) - 1;  // `nothing` is a return
}

namespace stepping {

void reset() noexcept {
  count = {};
  std::atomic_signal_fence(std::memory_order_seq_cst);
}

long counted() noexcept {
  std::atomic_signal_fence(std::memory_order_seq_cst);
  return count.instructions - added_by_stepping;
}

bool has_left_out() noexcept {
  return count.has_left_out;
}

std::span<const std::uintptr_t> trace() noexcept {
  const auto length = static_cast<std::size_t>(count.instructions);
  return std::span(addresses).first(std::min(length, addresses.size()));
}

}  // namespace stepping
}  // namespace bench
