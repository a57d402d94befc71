// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/internal/bins/bins.hpp: the spans of all size classes.
#include "rsb/internal/bins/bins.hpp"

#include "support/test.hpp"

using namespace rsb;

namespace {

using Classes = SizeClasses<Options{.page_size = 256, .span_size = 256}>;
constexpr SizeClass sixteen = 2;
using TheBins = Bins<Classes::count>;

// A span with 16 slots, `used` of them handed out.
Span span_with(unsigned used) {
  static char memory[256];
  Span s{};
  s.base = memory;
  s.become_span(sixteen, Classes::layout(sixteen), 1);
  for (unsigned i = 0; i < used; i++) s.carve<Checks::basic>();
  return s;
}

}  // namespace

TEST_CASE("a new bin has no span") {
  TheBins bins;
  CHECK(bins.current(sixteen) == nullptr);
  CHECK(bins.first(sixteen) == nullptr);
  CHECK(bins.take_first(sixteen) == nullptr);
}

TEST_CASE("a bin serves from the current span until it is dropped") {
  TheBins bins;
  Span span = span_with(0);
  bins.set_current(&span);
  CHECK(bins.current(sixteen) == &span);
  bins.drop_current(sixteen);
  CHECK(bins.current(sixteen) == nullptr);
}

TEST_CASE("spans are taken in the order in which they came") {
  TheBins bins;
  Span a = span_with(1), b = span_with(1), c = span_with(1);
  bins.append(&a);
  bins.append(&b);
  bins.append(&c);
  CHECK(bins.first(sixteen) == &a);
  CHECK(bins.take_first(sixteen) == &a);
  CHECK(bins.take_first(sixteen) == &b);
  CHECK(bins.take_first(sixteen) == &c);
  CHECK(bins.take_first(sixteen) == nullptr);
}

TEST_CASE("a span leaves from any place in the queue") {
  for (int gone = 0; gone < 3; gone++) {
    TheBins bins;
    Span spans[3] = {span_with(1), span_with(1), span_with(1)};
    for (Span& s : spans) bins.append(&s);
    bins.remove(&spans[gone]);
    for (int i = 0; i < 3; i++) {
      if (i != gone) CHECK(bins.take_first(sixteen) == &spans[i]);
    }
    CHECK(bins.take_first(sixteen) == nullptr);
    bins.append(&spans[gone]);
    CHECK(bins.first(sixteen) == &spans[gone]);
  }
}

TEST_CASE("where there is no current span, the one without slots stands for it") {
  TheBins bins;
  CHECK_FALSE(bins.current_or_none(sixteen)->has_slot());
  Span span = span_with(0);
  bins.set_current(&span);
  CHECK(bins.current_or_none(sixteen) == &span);
  CHECK_FALSE(bins.current_or_none(sixteen - 1)->has_slot());
  bins.drop_current(sixteen);
  CHECK_FALSE(bins.current_or_none(sixteen)->has_slot());
}

TEST_CASE("a current span never becomes empty by a free, and another does") {
  TheBins bins;
  Span span = span_with(1);
  bins.set_current(&span);
  CHECK(span.live() == 1);
  CHECK(span.push_quickly<Checks::basic>(span.slot(0), 0) == Span::Quick::done);
  CHECK(span.pop<Checks::basic>() == span.slot(0));
  CHECK(bins.drop_current(sixteen) == &span);
  bins.append(&span);
  CHECK(span.live() == 1);
  CHECK(span.push_quickly<Checks::basic>(span.slot(0), 0) == Span::Quick::last_use);
}

TEST_CASE("a full span takes no slot back quickly") {
  TheBins bins;
  Span span = span_with(16);
  bins.set_current(&span);
  bins.drop_current(sixteen)->become_full();
  CHECK(span.live() == 16);
  CHECK(span.push_quickly<Checks::basic>(span.slot(4), 16) == Span::Quick::refused);
  CHECK(span.push_quickly<Checks::off>(span.slot(4), 16) == Span::Quick::refused);
  bins.append(&span);
  CHECK(span.push_quickly<Checks::basic>(span.slot(4), 16) == Span::Quick::done);
  CHECK(span.live() == 15);
}
