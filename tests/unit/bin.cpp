// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/bin.hpp: the spans of one size class.
#include "rsb/internal/bins/bin.hpp"

#include "support/test.hpp"

using namespace rsb;

namespace {

using Classes = SizeClasses<Options{.page_size = 256, .span_size = 256}>;
constexpr SizeClass sixteen = 2;

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
  Bin bin;
  CHECK(bin.current() == nullptr);
  CHECK(bin.first() == nullptr);
  CHECK(bin.take_first() == nullptr);
}

TEST_CASE("a bin serves from the current span until it is dropped") {
  Bin bin;
  Span span = span_with(0);
  bin.set_current(&span);
  CHECK(bin.current() == &span);
  bin.drop_current();
  CHECK(bin.current() == nullptr);
}

TEST_CASE("spans are taken in the order in which they came") {
  Bin bin;
  Span a = span_with(1), b = span_with(1), c = span_with(1);
  bin.append(&a);
  bin.append(&b);
  bin.append(&c);
  CHECK(bin.first() == &a);
  CHECK(bin.take_first() == &a);
  CHECK(bin.take_first() == &b);
  CHECK(bin.take_first() == &c);
  CHECK(bin.take_first() == nullptr);
}

TEST_CASE("a span leaves from any place in the queue") {
  for (int gone = 0; gone < 3; gone++) {
    Bin bin;
    Span spans[3] = {span_with(1), span_with(1), span_with(1)};
    for (Span& s : spans) bin.append(&s);
    bin.remove(&spans[gone]);
    for (int i = 0; i < 3; i++) {
      if (i != gone) CHECK(bin.take_first() == &spans[i]);
    }
    CHECK(bin.take_first() == nullptr);
    bin.append(&spans[gone]);
    CHECK(bin.first() == &spans[gone]);
  }
}

TEST_CASE("a current span never becomes empty by a free, and another does") {
  Bin bin;
  Span span = span_with(1);
  bin.set_current(&span);
  CHECK(span.live() == 1);
  CHECK(span.stays_when_freed());
  CHECK(bin.drop_current() == &span);
  bin.append(&span);
  CHECK(span.live() == 1);
  CHECK_FALSE(span.stays_when_freed());
}

TEST_CASE("a full span does not stay where it is when a slot comes back") {
  Bin bin;
  Span span = span_with(16);
  bin.set_current(&span);
  bin.drop_current()->kind = Kind::full;
  CHECK(span.live() == 16);
  CHECK_FALSE(span.stays_when_freed());
}
