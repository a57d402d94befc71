// SPDX-License-Identifier: MIT OR Apache-2.0
// The page source returns addresses that the map does not tell apart: of 4 MiB there are no five.
#include "heap.hpp"

constexpr rsb::Options options{.page_size = 65536,
                               .span_size = 65536,
                               .acquire_size = 1 << 20,
                               .acquire_alignment = 1 << 20,
                               .address_bits = 22,
                               .radix_leaf_bits = 3,
                               .radix_inner_bits = 0};
static constinit rsb::Heap<misuse::Config<rsb::platform::Pages, options>> heap;

int main() {
  for (int i = 0; i < 5; i++) {
    if (heap.allocate(1 << 20) == nullptr) return 1;
  }
  return 0;
}
