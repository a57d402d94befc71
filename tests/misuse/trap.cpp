// SPDX-License-Identifier: MIT OR Apache-2.0
// A heap made from the headers alone, without any fault hook.
#include "rsb/heap.hpp"
#include "rsb/platform.hpp"

struct Config {
  using Pages = rsb::platform::Pages;
  using Lock = rsb::SpinLock;
  static constexpr rsb::Options options{};
};
static constinit rsb::Heap<Config> heap;

int main() {
  void* const block = heap.allocate(24);
  heap.deallocate(block);
  heap.deallocate(block);
}
