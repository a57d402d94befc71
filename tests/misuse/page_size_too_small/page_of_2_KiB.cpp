// SPDX-License-Identifier: MIT OR Apache-2.0
// The heap's page is half of the smallest page that systems with memory protection have.
#include "heap.hpp"

static constexpr rsb::Options small{
    .page_size = 2048, .radix_leaf_bits = 16, .radix_inner_bits = 8};
static constinit rsb::Heap<misuse::Config<rsb::platform::Pages, small>> heap;

int main() {
  return heap.allocate(24) == nullptr;
}
