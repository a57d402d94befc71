// SPDX-License-Identifier: MIT OR Apache-2.0
// A pointer gone astray leads into the descriptor of a page, past those that guard it.
#include "heap.hpp"

struct Heap
    : rsb::Heap<misuse::Config<rsb::platform::Pages, rsb::Options{.checks = rsb::Checks::full}>> {
  void* noted_of(const void* block) { return pages_.map().find(block); }
};
static constinit Heap heap;

int main() {
  void* const block = heap.allocate(100);
  if (block == nullptr) return 1;
  static_cast<char*>(heap.noted_of(block))[1]++;
  return heap.allocate(100) == nullptr;
}
