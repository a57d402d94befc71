// SPDX-License-Identifier: MIT OR Apache-2.0
// The page source returns the same memory for every large request.
#include "heap.hpp"

struct Overlapping {
  rsb::platform::Pages pages;
  void* same = nullptr;
  void* acquire(size_t bytes, size_t alignment) noexcept {
    constexpr size_t large = 16 << 20;
    if (bytes != large) return pages.acquire(bytes, alignment);
    if (same == nullptr) same = pages.acquire(bytes, alignment);
    return same;
  }
  bool release(void*, size_t) noexcept { return true; }
};
static constinit rsb::Heap<misuse::Config<Overlapping, rsb::Options{.acquire_size = 1 << 20}>> heap;

int main() {
  if (heap.allocate(16 << 20) == nullptr) return 1;
  return heap.allocate(16 << 20) == nullptr;
}
