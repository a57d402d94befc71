// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/options.hpp: defaults, and what follows from them. What is refused: tests/compile-fail.
#include "rsb/options.hpp"

#include "support/test.hpp"
#include "support/worlds.hpp"

using namespace rsb;

namespace {

// Instantiating it validates: that these compile is the test.
template <Options o>
struct Accepted : ValidOptions<o> {
  static constexpr bool value = true;
};

}  // namespace

TEST_CASE("the defaults are pages and spans of 16 KiB, checked") {
  constexpr Options o;
  CHECK(o.page_size == 16 * KiB);
  CHECK(o.span_size == 16 * KiB);
  CHECK(o.checks == Checks::basic);
  CHECK(o.map == Map::radix);
  CHECK(o.span_pages() == 1);
  CHECK(o.page_shift() == 14);
  CHECK(o.page_number_bits() == o.address_bits - 14);
}

TEST_CASE("pages of a span, and bits of a page number, follow from the sizes") {
  constexpr Options o{.page_size = 256, .span_size = 4 * KiB, .address_bits = 28};
  CHECK(o.span_pages() == 16);
  CHECK(o.page_shift() == 8);
  CHECK(o.page_number_bits() == 20);
}

TEST_CASE("the extremes of every size are accepted") {
  CHECK(Accepted<Options{}>::value);
  CHECK(Accepted<Options{.page_size = 64, .span_size = 256, .map = Map::flat}>::value);
  CHECK(Accepted<Options{.page_size = 64, .span_size = 1024, .map = Map::flat}>::value);
  CHECK(Accepted<Options{.page_size = 64 * KiB, .span_size = 64 * KiB, .map = Map::flat}>::value);
  CHECK(Accepted<Options{.acquire_size = 16 * KiB, .acquire_alignment = 16 * KiB}>::value);
  CHECK(Accepted<Options{.keep_free = 0, .discard_size = 16 * KiB}>::value);
}

TEST_CASE("every configuration of these tests is accepted") {
  CHECK(Accepted<support::small_radix>::value);
  CHECK(Accepted<support::three_levels>::value);
  CHECK(Accepted<support::multi_page_spans>::value);
  CHECK(Accepted<support::firmware>::value);
  CHECK(Accepted<support::smallest>::value);
  CHECK(Accepted<support::largest>::value);
}
