// SPDX-License-Identifier: MIT OR Apache-2.0
// A program for bare metal that defines no rsb_fault. See compile.py.
#include "rsb/internal/machine/error_number.hpp"
#include "rsb/small_heap.hpp"

namespace {

struct Config {
  using Lock = rsb::NoLock;
  static constexpr rsb::SmallOptions options{};
  static void exhausted() noexcept { rsb::set_errno(rsb::error_no_memory); }
};

constinit rsb::SmallHeap<Config> sram_heap;
char sram[4096];

}  // namespace

extern "C" {

void* memset(void* to, int value, size_t bytes) {
  volatile char* const at = static_cast<char*>(to);
  for (size_t i = 0; i < bytes; i++) at[i] = static_cast<char>(value);
  return to;
}
void* memcpy(void* to, const void* from, size_t bytes) {
  volatile char* const at = static_cast<char*>(to);
  for (size_t i = 0; i < bytes; i++) at[i] = static_cast<const char*>(from)[i];
  return to;
}

void _start() {
  sram_heap.add_region(sram, sizeof sram);
  sram_heap.deallocate(sram_heap.allocate(100));
  for (;;) {
  }
}

}  // extern "C"
