// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/bits.hpp: arithmetic on sizes and addresses.
#include "rsb/internal/machine/bits.hpp"

#include "support/test.hpp"

using namespace rsb;

namespace {

constexpr unsigned word_bits = sizeof(size_t) * __CHAR_BIT__;

}  // namespace

TEST_CASE("powers of two are told from all other numbers") {
  CHECK_FALSE(is_power_of_two(0));
  for (unsigned bit = 0; bit < word_bits; bit++) {
    const size_t power = size_t{1} << bit;
    CHECK(is_power_of_two(power));
    if (power > 2) CHECK_FALSE(is_power_of_two(power - 1));
    if (power > 1) CHECK_FALSE(is_power_of_two(power + 1));
  }
  CHECK_FALSE(is_power_of_two(SIZE_MAX));
}

TEST_CASE("floor_log2 is the index of the highest bit, lowest_bit that of the lowest") {
  for (unsigned bit = 0; bit < word_bits; bit++) {
    const size_t power = size_t{1} << bit;
    CHECK(floor_log2(power) == bit);
    CHECK(floor_log2(power | (power - 1)) == bit);
    CHECK(leading_zeros(power) == word_bits - 1 - bit);
    CHECK(lowest_bit(power) == bit);
    CHECK(lowest_bit(~(power - 1)) == bit);
  }
}

TEST_CASE("align_up of a number is the next multiple, and a multiple stays") {
  for (size_t alignment = 1; alignment <= 4096; alignment *= 2) {
    for (size_t n = 0; n < 9000; n += 7) {
      const size_t up = align_up(n, alignment);
      const bool is_next = up % alignment == 0 && up >= n && up - n < alignment;
      if (!is_next) FAIL_CHECK("align_up(" << n << ", " << alignment << ") = " << up);
    }
    CHECK(align_up(alignment, alignment) == alignment);
  }
}

TEST_CASE("align_up of a pointer is the next aligned address, and an aligned one stays") {
  char buffer[512];
  for (size_t alignment = 1; alignment <= 128; alignment *= 2) {
    for (char* p = buffer; p < buffer + 256; p++) {
      char* const up = align_up(p, alignment);
      const bool is_next = up >= p && static_cast<size_t>(up - p) < alignment &&
                           is_aligned(up, alignment) && (up == p) == is_aligned(p, alignment);
      if (!is_next) FAIL_CHECK("wrong at alignment " << alignment);
    }
  }
}

TEST_CASE("bytes_from is the distance behind the base, and huge before it") {
  char buffer[16];
  CHECK(bytes_from(buffer, buffer) == 0);
  CHECK(bytes_from(buffer, buffer + 16) == 16);
  CHECK(bytes_from(buffer + 16, buffer) == SIZE_MAX - 15);
  CHECK(bytes_from(nullptr, buffer) == address_of(buffer));
}

TEST_CASE("larger and smaller choose as they are called") {
  CHECK(larger(3, 4) == 4);
  CHECK(larger(4, 3) == 4);
  CHECK(smaller(3, 4) == 3);
  CHECK(smaller(4, 3) == 3);
  CHECK(larger(5, 5) == 5);
  CHECK(smaller(0, SIZE_MAX) == 0);
}

TEST_CASE("the largest object is the one whose pointer differences fit ptrdiff_t") {
  CHECK(max_object_bytes == static_cast<size_t>(PTRDIFF_MAX));
}

TEST_CASE("SameAs holds for one type and itself only") {
  CHECK(SameAs<int, int>);
  CHECK_FALSE(SameAs<int, unsigned>);
  CHECK_FALSE(SameAs<int, const int>);
}
