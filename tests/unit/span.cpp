// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/span.hpp: the free list of a span.
#include "rsb/internal/pages/span.hpp"

#include "support/test.hpp"
#include "support/worlds.hpp"

using namespace rsb;
using support::Random;

namespace {

constexpr size_t span_bytes = 1 * KiB;
constexpr size_t beyond = 256;  // around the span: must never be touched
using Classes = SizeClasses<Options{.page_size = span_bytes, .span_size = span_bytes}>;

// A span of one class over memory of its own.
struct SpanOf {
  explicit SpanOf(SizeClass c, uint32_t secret = 0x1234'5678) {
    support::fill(memory, sizeof memory, support::dirt);
    span.base = memory + beyond;
    span.become_span(c, Classes::layout(c), secret);
  }

  SlotOffset offset(const void* slot) const {
    return static_cast<SlotOffset>(bytes_from(span.base, slot) / 4);
  }
  unsigned slots() const { return static_cast<unsigned>(Classes::layout(span.size_class).count()); }
  bool is_inside(const void* p) const { return bytes_from(span.base, p) < span_bytes; }
  bool surroundings_are_untouched() const {
    return support::holds_only(memory, beyond, support::dirt) &&
           support::holds_only(memory + beyond + span_bytes, beyond, support::dirt);
  }

  alignas(16) char memory[beyond + span_bytes + beyond];
  Span span{};
};

constexpr SizeClass four = 0;
constexpr SizeClass eight = 1;
constexpr SizeClass sixteen = 2;

struct Off {
  static constexpr Checks checks = Checks::off;
};
struct Basic {
  static constexpr Checks checks = Checks::basic;
};

template <class Level>
void* pop(Span& span) {
  return span.template pop<Level::checks>();
}
template <class Level>
void push(Span& span, SlotOffset at) {
  span.template push<Level::checks>(span.slot(at), size_t{at} * 4);
}

bool is_in_use(const Span& span, SlotOffset at) {
  return span.is_in_use(span.slot(at), size_t{at} * 4);
}
bool may_be_in_use(const Span& span, SlotOffset at) {
  return span.may_be_in_use(span.slot(at), size_t{at} * 4);
}

Span::Quick push_quickly(Span& span, SlotOffset at) {
  return span.push_quickly<Checks::basic>(span.slot(at), size_t{at} * 4);
}

}  // namespace

TEST_CASE("what an earlier span with the same secret freed is in use when it is handed out anew") {
  for (const SizeClass c : {four, eight, sixteen}) {
    CAPTURE(static_cast<int>(c));
    SpanOf s(c, 0x1234'5678);
    void* const before = s.span.carve<Checks::basic>();
    push<Basic>(s.span, 0);
    s.span.become_span(c, Classes::layout(c), 0x1234'5678);
    CHECK(s.span.carve<Checks::basic>() == before);
    CHECK(is_in_use(s.span, 0));
    if (c != four) CHECK(may_be_in_use(s.span, 0));
  }
}

TEST_CASE("a descriptor is at most a cache line") {
  CHECK(sizeof(Span) <= 64);
}

TEST_CASE("fresh slots come one behind the other from offset 0, and unchecked are not touched") {
  for (SizeClass c = 0; c < Classes::count; c++) {
    SpanOf s(c);
    for (unsigned i = 0; i < s.slots(); i++) {
      REQUIRE(s.span.has_fresh());
      CHECK(s.span.carve<Checks::off>() == s.span.base + i * s.span.slot_bytes());
      CHECK(s.span.live() == i + 1);
    }
    CHECK_FALSE(s.span.has_fresh());
    CHECK_FALSE(s.span.has_free());
    CHECK(support::holds_only(s.memory, sizeof s.memory, support::dirt));
  }
}

TEST_CASE("carving a slot touches the place of its link only, and a slot never carved not at all") {
  for (const SizeClass c : {four, eight, sixteen}) {
    SpanOf s(c);
    char* const slot = static_cast<char*>(s.span.carve<Checks::basic>());
    const size_t link = smaller(s.span.slot_bytes(), 8);
    CHECK(support::holds_only(slot, link, 0));
    CHECK(support::holds_only(slot + link, span_bytes - link, support::dirt));
    CHECK(s.surroundings_are_untouched());
  }
}

TEST_CASE_TEMPLATE("slots come back in the opposite order in which they were freed", L, Off,
                   Basic) {
  for (SizeClass c = 0; c < Classes::count; c++) {
    SpanOf s(c);
    while (s.span.has_fresh()) s.span.carve<Checks::basic>();
    const unsigned count = s.slots();
    // Freed in some order that visits all: 7 is coprime to all counts that are not its multiples.
    const unsigned step = count % 7 == 0 ? 1 : 7;
    for (unsigned i = 0; i < count; i++) {
      push<L>(s.span, static_cast<SlotOffset>(i * step % count * s.span.slot_units));
    }
    CHECK(s.span.live() == 0);
    for (unsigned i = count; i-- > 0;) {
      REQUIRE(s.span.has_free());
      CHECK(pop<L>(s.span) == s.span.base + i * step % count * s.span.slot_bytes());
    }
    CHECK_FALSE(s.span.has_free());
    CHECK(s.span.live() == count);
    CHECK(s.surroundings_are_untouched());
  }
}

TEST_CASE_TEMPLATE("freeing touches the first eight bytes of a slot at most", L, Off, Basic) {
  SpanOf s(sixteen);
  void* const slot = s.span.carve<Checks::basic>();
  push<L>(s.span, 0);
  CHECK(support::holds_only(static_cast<char*>(slot) + 8, 8, support::dirt));
  CHECK(support::holds_only(s.span.base + 16, span_bytes - 16, support::dirt));
  CHECK(s.surroundings_are_untouched());
}

TEST_CASE("freeing a slot of four bytes touches those only") {
  SpanOf s(four);
  s.span.carve<Checks::off>();
  s.span.carve<Checks::off>();
  push<Basic>(s.span, 0);
  CHECK(support::holds_only(s.span.base + 4, span_bytes - 4, support::dirt));
}

TEST_CASE("a slot whose link was overwritten is not handed out, and nothing changes") {
  for (const SizeClass c : {four, eight, sixteen}) {
    for (unsigned bit = 0; bit < 32; bit++) {
      SpanOf s(c);
      s.span.carve<Checks::basic>();
      s.span.carve<Checks::basic>();
      push<Basic>(s.span, 0);
      push<Basic>(s.span, s.span.slot_units);
      char* const first = s.span.slot(s.span.slot_units);
      first[bit / 8] = static_cast<char>(first[bit / 8] ^ 1 << bit % 8);
      CHECK(pop<Basic>(s.span) == nullptr);
      CHECK(pop<Basic>(s.span) == nullptr);
      CHECK(s.span.live() == 0);
      first[bit / 8] = static_cast<char>(first[bit / 8] ^ 1 << bit % 8);
      CHECK(pop<Basic>(s.span) == first);
    }
  }
}

TEST_CASE("no link at all makes an unchecked span hand out an address outside it") {
  Random random(7);
  for (const SizeClass c : {four, eight, sixteen, SizeClass{12}, SizeClass{Classes::count - 1}}) {
    SpanOf s(c);
    s.span.carve<Checks::basic>();
    for (unsigned i = 0; i < 5'000; i++) {
      // All 16-bit offsets, with arbitrary tags.
      const uint32_t link = i < 2'500 ? random.next() : (random.next() << 16 | (i - 2'500) * 27);
      push<Off>(s.span, 0);
      __builtin_memcpy(s.span.base, &link, sizeof link);
      for (int k = 0; k < 3 && s.span.has_free(); k++) {
        void* const slot = pop<Off>(s.span);
        if (!s.is_inside(slot)) FAIL("link " << link << " left the span");
      }
      s.span.become_span(c, Classes::layout(c), 0);
      s.span.carve<Checks::basic>();
    }
    CHECK(s.surroundings_are_untouched());
  }
}

TEST_CASE("a freed slot is recognised until it is handed out again") {
  for (SizeClass c = 1; c < Classes::count; c++) {  // slots with room for a mark
    SpanOf s(c);
    while (s.span.has_fresh()) s.span.carve<Checks::basic>();
    for (SlotOffset at = 0; at < s.span.end; at = static_cast<SlotOffset>(at + s.span.slot_units)) {
      push<Basic>(s.span, at);
    }
    for (SlotOffset at = 0; at < s.span.end; at = static_cast<SlotOffset>(at + s.span.slot_units)) {
      CHECK_FALSE(is_in_use(s.span, at));
      CHECK(s.span.has_right_link(at));
    }
    while (s.span.has_free()) {
      const SlotOffset at = s.offset(pop<Basic>(s.span));
      CHECK(is_in_use(s.span, at));
    }
  }
}

TEST_CASE("a freed slot of four bytes is recognised while it is among the last sixteen") {
  SpanOf s(four);
  while (s.span.has_fresh()) s.span.carve<Checks::basic>();
  for (SlotOffset at = 0; at < 40; at++) push<Basic>(s.span, at);
  for (SlotOffset at = 40 - Span::recent; at < 40; at++) CHECK_FALSE(is_in_use(s.span, at));
  CHECK(Span::recent == 16);
}

TEST_CASE("what a program writes into a live slot is no free slot") {
  Random random(99);
  for (const SizeClass c : {four, eight, sixteen}) {
    SpanOf s(c);
    while (s.span.has_fresh()) s.span.carve<Checks::basic>();
    // Some are free, so that there are links to be mistaken for.
    for (SlotOffset at = 0; at < s.span.end / 2;
         at = static_cast<SlotOffset>(at + s.span.slot_units)) {
      push<Basic>(s.span, at);
    }
    const SlotOffset live = static_cast<SlotOffset>(s.span.slot_units * (s.slots() - 1));
    for (int i = 0; i < 20'000; i++) {
      const uint32_t words[2] = {random.next(), random.next()};
      __builtin_memcpy(s.span.slot(live), words, c == four ? 4 : 8);
      if (!is_in_use(s.span, live)) FAIL_CHECK("taken for free: " << words[0] << " " << words[1]);
    }
    for (const int value : {0x00, 0xff, 0x55, 0xaa}) {
      support::fill(s.span.slot(live), s.span.slot_bytes(), static_cast<unsigned char>(value));
      CHECK(is_in_use(s.span, live));
    }
  }
}

TEST_CASE("the content of a free slot, copied to a live one, does not make that one free") {
  SpanOf s(sixteen);
  while (s.span.has_fresh()) s.span.carve<Checks::basic>();
  push<Basic>(s.span, 0);
  push<Basic>(s.span, 4);
  __builtin_memcpy(s.span.slot(8), s.span.slot(4), 16);
  CHECK(is_in_use(s.span, 8));
}

TEST_CASE("a new secret makes old links wrong") {
  SpanOf s(sixteen, 1);
  s.span.carve<Checks::basic>();
  s.span.carve<Checks::basic>();
  push<Basic>(s.span, 4);
  CHECK_FALSE(is_in_use(s.span, 4));
  s.span.become_span(sixteen, Classes::layout(sixteen), 2);
  s.span.carve<Checks::basic>();
  s.span.carve<Checks::basic>();
  CHECK(is_in_use(s.span, 4));
}

TEST_CASE("the quick look never takes a free slot for one in use") {
  for (SizeClass c = 0; c < Classes::count; c++) {
    SpanOf s(c);
    while (s.span.has_fresh()) s.span.carve<Checks::basic>();
    for (SlotOffset at = 0; at < s.span.end; at = static_cast<SlotOffset>(at + s.span.slot_units)) {
      CHECK(is_in_use(s.span, at));
      push<Basic>(s.span, at);
    }
    for (SlotOffset at = 0; at < s.span.end; at = static_cast<SlotOffset>(at + s.span.slot_units)) {
      CHECK_FALSE(may_be_in_use(s.span, at));
      CHECK(push_quickly(s.span, at) == Span::Quick::refused);
    }
  }
}

TEST_CASE("only the start of a slot that was handed out is in use") {
  for (SizeClass c = 0; c < Classes::count; c++) {
    SpanOf s(c);
    s.span.carve<Checks::basic>();
    if (s.span.has_fresh()) s.span.carve<Checks::basic>();
    for (size_t offset = 0; offset < span_bytes; offset++) {
      const bool expected = offset == 0 || (s.slots() > 1 && offset == s.span.slot_bytes());
      const void* const p = s.span.base + offset;
      const bool quick = expected && c != four;
      if (s.span.is_in_use(p, offset) != expected || s.span.may_be_in_use(p, offset) != quick) {
        FAIL_CHECK("offset " << offset << " of slots of " << s.span.slot_bytes());
      }
    }
    CHECK_FALSE(s.span.is_in_use(s.span.base - 4, size_t{0} - 4));
  }
}

TEST_CASE("quickly released is what starts at a slot of 8 bytes or more, and nothing else") {
  for (SizeClass c = 0; c < Classes::count; c++) {
    SpanOf s(c);
    const size_t handed_out = smaller(s.slots(), 3);
    for (size_t i = 0; i < handed_out; i++) s.span.carve<Checks::basic>();
    for (size_t offset = 0; offset < span_bytes; offset++) {
      const bool at_slot = offset % s.span.slot_bytes() == 0;
      const bool is_one = c != four && at_slot && offset / s.span.slot_bytes() < handed_out;
      const auto expected = !is_one           ? Span::Quick::refused
                            : handed_out == 1 ? Span::Quick::last_use
                                              : Span::Quick::done;
      const auto pushed = s.span.push_quickly<Checks::basic>(s.span.base + offset, offset);
      if (pushed != expected)
        FAIL_CHECK("offset " << offset << " of slots of " << s.span.slot_bytes());
      if (pushed == Span::Quick::done) REQUIRE(pop<Basic>(s.span) == s.span.base + offset);
      if (pushed == Span::Quick::last_use) s.span.uses++;
    }
    CHECK(s.span.live() == handed_out);
  }
}

TEST_CASE("of what is no span nothing is quickly released") {
  SpanOf s(sixteen);
  s.span.carve<Checks::basic>();
  s.span.become_run(7);
  CHECK(s.span.pages == 7);
  CHECK(push_quickly(s.span, 0) == Span::Quick::refused);
  CHECK(s.span.push_quickly<Checks::off>(s.span.base, 0) == Span::Quick::refused);
  CHECK_FALSE(may_be_in_use(s.span, 0));
  CHECK_FALSE(s.span.has_larger_slots());
}

TEST_CASE("a slot filled with one pattern after it was freed is not handed out") {
  // Whatever is written over a link twice two bytes wide, as memset does.
  for (unsigned value = 0; value < 0x10000; value += 0x101) {
    SpanOf s(sixteen, value * 77);
    s.span.carve<Checks::basic>();
    s.span.carve<Checks::basic>();
    push<Basic>(s.span, 4);
    support::fill(s.span.slot(4), 16, static_cast<unsigned char>(value));
    if (pop<Basic>(s.span) != nullptr) FAIL_CHECK("handed out with " << (value & 0xff));
  }
}

TEST_CASE("a walk along next_free meets every free slot once") {
  SpanOf s(eight);
  while (s.span.has_fresh()) s.span.carve<Checks::basic>();
  for (SlotOffset at = 0; at < 20; at = static_cast<SlotOffset>(at + 4)) push<Basic>(s.span, at);
  unsigned met = 0;
  for (SlotOffset at = s.span.slots.first_free; at < s.span.end; at = s.span.next_free(at)) {
    CHECK(at == 16 - met * 4);
    met++;
  }
  CHECK(met == 5);
}
