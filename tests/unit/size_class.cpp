// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/size_class.hpp: which slot serves which request.
#include "rsb/internal/blocks/size_class.hpp"

#include "support/test.hpp"

using namespace rsb;

namespace {

template <size_t page_bytes, size_t span_bytes>
struct Sizes {
  static constexpr size_t page = page_bytes;
  static constexpr size_t span = span_bytes;
  using Classes = SizeClasses<Options{.page_size = page_bytes, .span_size = span_bytes}>;
};

using Default = Sizes<16 * KiB, 16 * KiB>;

#define SPANS                                                                             \
  Default, Sizes<64, 256>, Sizes<256, 256>, Sizes<256, 1 * KiB>, Sizes<4 * KiB, 4 * KiB>, \
      Sizes<4 * KiB, 16 * KiB>, Sizes<4 * KiB, 64 * KiB>, Sizes<64 * KiB, 64 * KiB>,      \
      Sizes<512, 8 * KiB>

// Whether every slot of the class is aligned, given a span that is aligned to its page.
template <class S>
bool aligns(size_t c, size_t alignment) {
  return S::Classes::layout(static_cast<SizeClass>(c)).size % alignment == 0 &&
         alignment <= S::page;
}

template <class F>
void for_each_limit(F f) {
  f.template operator()<16>();
  f.template operator()<100>();
  f.template operator()<128>();
  f.template operator()<1000>();
  f.template operator()<8 * KiB - 1>();
  f.template operator()<8 * KiB>();
  f.template operator()<16 * KiB - 1>();
  f.template operator()<16 * KiB>();
}

}  // namespace

TEST_CASE_TEMPLATE("classes begin 4, 8, 16, go on in steps of 16, and end with the span", S,
                   SPANS) {
  using Classes = typename S::Classes;
  CHECK(Classes::layout(0).size == 4);
  CHECK(Classes::layout(1).size == 8);
  for (size_t c = 2; c < 10; c++) {
    CHECK(Classes::layout(static_cast<SizeClass>(c)).size == (c - 1) * 16);
  }
  CHECK(Classes::layout(Classes::count - 1).size == S::span);
  CHECK(Classes::largest == S::span);
}

TEST_CASE("where no alignment is stated, it is the least; where one is, nothing more is paid") {
  const auto check = []<size_t least>() {
    using All = SizeClasses<Options{}>;
    using Aligned = SizeClasses<Options{.least_alignment = least}>;
    CAPTURE(least);
    size_t wrong = 0;
    for (size_t size = 0; size <= All::span; size++) {
      const SlotLayout& l = Aligned::layout(Aligned::of(size));
      wrong += l.size < size || l.alignment < least;
      // The smallest class that is.
      for (SizeClass c = 0; c < Aligned::of(size); c++) {
        const SlotLayout& smaller_one = Aligned::layout(c);
        wrong += smaller_one.size >= larger(size, sizeof(void*)) && smaller_one.alignment >= least;
      }
      wrong += Aligned::alignment_of(size) < least;
      for (const size_t stated : {0u, 1u, 4u, 8u, 16u, 64u}) {
        wrong += Aligned::of(size, stated) != All::of(size, stated);
      }
    }
    CHECK(wrong == 0);
  };
  check.template operator()<1>();
  check.template operator()<16>();
  check.template operator()<32>();
  check.template operator()<64>();
}

TEST_CASE("with a largest bin there are the same classes up to it, and whole pages above") {
  for_each_limit([]<size_t limit>() {
    using All = SizeClasses<Options{.page_size = 4 * KiB}>;
    using Some = SizeClasses<Options{.page_size = 4 * KiB, .largest_bin = limit}>;
    CAPTURE(limit);
    CHECK(Some::largest <= limit);
    CHECK((Some::count == All::count || All::layout(Some::count).size > limit));
    for (SizeClass c = 0; c < Some::count; c++) CHECK(Some::layout(c).size == All::layout(c).size);
    size_t wrong = 0;
    for (size_t size = 1; size <= All::span; size++) {
      wrong += size <= Some::largest && Some::of(size) != All::of(size);
      wrong += Some::of(size, 1) != (size <= Some::largest ? All::of(size, 1) : Some::none);
    }
    CHECK(wrong == 0);
  });
}

TEST_CASE_TEMPLATE("a class knows how many of its slots fit into a span", S, SPANS) {
  using Classes = typename S::Classes;
  for (size_t c = 0; c < Classes::count; c++) {
    const SlotLayout& l = Classes::layout(static_cast<SizeClass>(c));
    CHECK(l.count() == S::span / l.size);
    CHECK(l.count() >= 1);
    if (l.size >= 16) CHECK(l.size % 16 == 0);
  }
}

TEST_CASE_TEMPLATE("above 128 bytes a slot is the largest multiple of 16 of which as many fit", S,
                   SPANS) {
  using Classes = typename S::Classes;
  for (size_t c = 0; c < Classes::count; c++) {
    const SlotLayout& l = Classes::layout(static_cast<SizeClass>(c));
    if (l.size > 128) CHECK(S::span / (l.size + 16) < l.count());
  }
}

TEST_CASE_TEMPLATE("the alignment of a class is that of every slot of it", S, SPANS) {
  using Classes = typename S::Classes;
  for (size_t c = 0; c < Classes::count; c++) {
    const SlotLayout& l = Classes::layout(static_cast<SizeClass>(c));
    CHECK(is_power_of_two(l.alignment));
    CHECK(aligns<S>(c, l.alignment));
    CHECK_FALSE(aligns<S>(c, l.alignment * 2));
  }
}

TEST_CASE_TEMPLATE("malloc gets the smallest class that fits and is aligned as it must be", S,
                   SPANS) {
  using Classes = typename S::Classes;
  size_t expected = 0;
  size_t wrong = 0;
  for (size_t size = 0; size <= S::span; size++) {
    const size_t alignment = size >= 16 ? 16 : larger(sizeof(void*), assumed_malloc_alignment);
    while (Classes::layout(static_cast<SizeClass>(expected)).size < size ||
           !aligns<S>(expected, alignment)) {
      expected++;
    }
    wrong += Classes::of(size) != expected;
  }
  CHECK(wrong == 0);
}

TEST_CASE_TEMPLATE("a request with an alignment gets the smallest class that fits both", S, SPANS) {
  using Classes = typename S::Classes;
  for (size_t alignment = 1; alignment <= 2 * S::span; alignment *= 2) {
    size_t wrong = 0;
    for (size_t size = 0; size <= S::span + 16; size++) {
      size_t expected = 0;
      while (expected < Classes::count &&
             (Classes::layout(static_cast<SizeClass>(expected)).size < size ||
              !aligns<S>(expected, alignment))) {
        expected++;
      }
      if (expected == Classes::count) expected = Classes::none;
      size_t c = Classes::of(size, alignment);
      // Between 5 and 8 bytes a class of 4 does not exist; nothing else to allow for.
      wrong += c != expected;
    }
    CAPTURE(alignment);
    CHECK(wrong == 0);
  }
}

TEST_CASE_TEMPLATE("an alignment of 0 or 1 asks for nothing", S, SPANS) {
  using Classes = typename S::Classes;
  size_t wrong = 0;
  for (size_t size = 0; size <= S::span; size++) {
    wrong += Classes::of(size, 0) != Classes::of(size, 1);
  }
  CHECK(wrong == 0);
}

TEST_CASE_TEMPLATE("sizes and alignments beyond every class get none", S, SPANS) {
  using Classes = typename S::Classes;
  CHECK(Classes::of(S::span + 1, 1) == Classes::none);
  CHECK(Classes::of(SIZE_MAX, 1) == Classes::none);
  CHECK(Classes::of(SIZE_MAX / 2 + 1, SIZE_MAX / 2 + 1) == Classes::none);
  CHECK(Classes::of(1, SIZE_MAX / 2 + 1) == Classes::none);
  CHECK(Classes::of(1, S::page * 2) == Classes::none);
}

TEST_CASE_TEMPLATE("the reciprocal tells multiples of the slot size from all other offsets", S,
                   SPANS) {
  using Classes = typename S::Classes;
  for (size_t c = 0; c < Classes::count; c++) {
    const SlotLayout& l = Classes::layout(static_cast<SizeClass>(c));
    size_t wrong = 0;
    for (uint32_t offset = 0; offset < S::span; offset++) {
      const bool is_multiple = l.size > 4 && offset % l.size == 0;  // of 4 it tells nothing
      wrong += (offset * l.reciprocal < l.reciprocal) != is_multiple;
      wrong += l.size > 4 && (offset * l.reciprocal < 0x10000) != is_multiple;
    }
    CAPTURE(l.size);
    CHECK(wrong == 0);
  }
}

TEST_CASE("4 bytes cost 4 bytes, and malloc of 4 a pointer's alignment, or what gcc assumes") {
  using Classes = Default::Classes;
  CHECK(Classes::layout(Classes::of(4, 4)).size == 4);
  CHECK(Classes::layout(Classes::of(0, 0)).size == 4);
  CHECK(Classes::layout(Classes::of(4)).size == larger(sizeof(void*), assumed_malloc_alignment));
  CHECK(Classes::layout(Classes::of(5, 4)).size == 8);
  CHECK(Classes::layout(Classes::of(4, 8)).size == 8);
}

TEST_CASE("a span of 16 KiB holds five slots of 3,264 bytes") {
  using Classes = Default::Classes;
  const SlotLayout& l = Classes::layout(Classes::of(3'200));
  CHECK(l.size == 3'264);
  CHECK(l.count() == 5);
}
