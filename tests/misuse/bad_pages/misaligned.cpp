// SPDX-License-Identifier: MIT OR Apache-2.0
// The page source returns memory that is not aligned.
#include "heap.hpp"

struct Misaligned : rsb::platform::Pages {
  void* acquire(size_t bytes, size_t alignment) noexcept {
    return static_cast<char*>(Pages::acquire(bytes + alignment, alignment)) + 4096;
  }
};
static constinit rsb::Heap<misuse::Config<Misaligned>> heap;

int main() {
  return heap.allocate(24) == nullptr;
}
