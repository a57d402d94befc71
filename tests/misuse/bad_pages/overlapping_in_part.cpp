// SPDX-License-Identifier: MIT OR Apache-2.0
// The page source returns memory whose end it has handed out before.
#include "heap.hpp"

struct Overlapping {
  rsb::platform::Pages pages;
  char* previous = nullptr;
  void* acquire(size_t bytes, size_t alignment) noexcept {
    constexpr size_t large = 16 << 20;
    if (bytes != large) return pages.acquire(bytes, alignment);
    if (previous != nullptr) return previous - large / 2;
    previous = static_cast<char*>(pages.acquire(2 * bytes, alignment)) + large;
    return previous;
  }
  bool release(void*, size_t) noexcept { return true; }
};
static constinit rsb::Heap<misuse::Config<Overlapping, rsb::Options{.acquire_size = 1 << 20}>> heap;

int main() {
  if (heap.allocate(16 << 20) == nullptr) return 1;
  return heap.allocate(16 << 20) == nullptr;
}
