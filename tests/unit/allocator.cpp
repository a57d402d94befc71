// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/allocator.hpp: the standard's allocator requirements. In containers: allocator_hosted.cpp.
#include "rsb/allocator.hpp"

#include "rsb/internal/machine/bits.hpp"
#include "support/built_instance.hpp"

using rsb::Allocator;

namespace {

struct alignas(64) Wide {
  char bytes[192];
};

}  // namespace

TEST_CASE("memory for n objects, aligned as they are, released by the same n") {
  Allocator<int> ints;
  int* const a = ints.allocate(1);
  if (!support::is_small()) CHECK(rsb_malloc_usable_size(a) == sizeof(int));  // not more
  int* const b = ints.allocate(100);
  CHECK(rsb_malloc_usable_size(b) >= 400);
  b[99] = 1;
  ints.deallocate(a, 1);
  ints.deallocate(b, 100);
  Allocator<Wide> wides;
  Wide* const w = wides.allocate(3);
  CHECK(rsb::is_aligned(support::opaque(w), 64));
  wides.deallocate(w, 3);
  CHECK(rsb_check() == nullptr);
}

TEST_CASE("an allocator is made from that of another type, and all are equal") {
  const Allocator<int> ints;
  const Allocator<Wide> wides(ints);
  CHECK(wides == Allocator<Wide>());
  CHECK(ints == wides);
  CHECK_FALSE(ints != wides);
}

TEST_CASE("what one allocator gave another of its type takes back") {
  Allocator<long> a, b;
  b.deallocate(a.allocate(7), 7);
  CHECK(rsb_check() == nullptr);
}

TEST_CASE("no memory for a container is a fault, and so is a number that overflows") {
  Allocator<Wide> wides;
  const int out = RSB_OUT_OF_MEMORY;
  CHECK(support::fault_of([&] { support::drop(wides.allocate(support::opaque(SIZE_MAX))); }) ==
        out);
  CHECK(support::fault_of(
            [&] { support::drop(wides.allocate(support::opaque(SIZE_MAX / 192 + 1))); }) == out);
  CHECK(support::fault_of(
            [&] { support::drop(wides.allocate(support::opaque(SIZE_MAX / 2 / 192))); }) == out);
  CHECK(rsb_check() == nullptr);
}

TEST_CASE("another number on the way back is a size mismatch") {
  Allocator<int> ints;
  int* const a = ints.allocate(10);
  CHECK(support::fault_of([&] { ints.deallocate(a, 100); }) == RSB_SIZE_MISMATCH);
  ints.deallocate(a, 10);
}
