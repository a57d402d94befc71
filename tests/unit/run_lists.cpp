// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/run_lists.hpp: free runs by length. Compared with a naive model in
// tests/property.
#include "rsb/internal/pages/run_lists.hpp"

#include "support/test.hpp"

using namespace rsb;

namespace {

constexpr unsigned bits = 20;
using Lists = RunLists<bits>;

Span run_of(size_t pages, uint32_t dirty = 0) {
  Span s{};
  s.kind = Kind::free;
  s.pages = static_cast<uint32_t>(pages);
  s.dirty = dirty;
  return s;
}

}  // namespace

TEST_CASE("empty lists have no run of any length") {
  Lists lists;
  for (size_t pages = 1; pages < size_t{1} << bits; pages = pages * 3 / 2 + 1) {
    CHECK(lists.find(pages) == nullptr);
  }
  CHECK(lists.longest_dirty() == nullptr);
}

TEST_CASE("a run is found for its own length and for every shorter one") {
  for (size_t length = 1; length < 700; length++) {
    Lists lists;
    Span run = run_of(length);
    lists.insert(&run);
    CHECK(lists.contains(&run));
    for (size_t pages = 1; pages <= length; pages++) {
      if (lists.find(pages) != &run) FAIL_CHECK(pages << " pages not found in a run of " << length);
    }
    CHECK(lists.find(length + 1) == nullptr);
    lists.remove(&run);
    CHECK_FALSE(lists.contains(&run));
    CHECK(lists.find(1) == nullptr);
  }
}

TEST_CASE("the longest run that the address space allows is found") {
  Lists lists;
  const size_t longest = (size_t{1} << bits) - 1;
  Span run = run_of(longest);
  lists.insert(&run);
  CHECK(lists.find(1) == &run);
  CHECK(lists.find(longest) == &run);
}

TEST_CASE(
    "lengths that no address space holds are not found, and nothing beyond the lists is read") {
  // What lies behind the lists looks like long runs.
  static Span trap = run_of(UINT32_MAX);
  static struct {
    Lists lists;
    Span* behind[1024];
  } memory;
  for (Span*& p : memory.behind) p = &trap;
  Span run = run_of(100);
  memory.lists.insert(&run);
  for (unsigned bit = bits; bit < sizeof(size_t) * __CHAR_BIT__; bit++) {
    CAPTURE(bit);
    CHECK(memory.lists.find(size_t{1} << bit) == nullptr);
  }
}

TEST_CASE("of two runs the one that fits better is found") {
  Lists lists;
  Span small = run_of(5);
  Span large = run_of(50);
  lists.insert(&large);
  lists.insert(&small);
  CHECK(lists.find(3) == &small);
  CHECK(lists.find(5) == &small);
  CHECK(lists.find(6) == &large);
  CHECK(lists.find(50) == &large);
}

TEST_CASE("a found run is less than an eighth longer than the next shorter class of lengths") {
  // One run of each length: good fit.
  static Span runs[600];
  Lists lists;
  for (size_t i = 1; i < 600; i++) {
    runs[i] = run_of(i);
    lists.insert(&runs[i]);
  }
  for (size_t pages = 1; pages < 500; pages++) {
    const Span* const run = lists.find(pages);
    REQUIRE(run != nullptr);
    if (run->pages < pages || run->pages > pages + pages / 8 + 1) {
      FAIL_CHECK(pages << " pages get a run of " << run->pages);
    }
  }
}

TEST_CASE("runs with used pages are found first, also where a clean one fits better") {
  for (const size_t pages : {4u, 5u, 40u, 4000u, 40'000u}) {
    CAPTURE(pages);
    Lists lists;
    Span clean = run_of(4);
    Span dirty = run_of(pages, 2);
    Span other_clean = run_of(4);
    lists.insert(&clean);
    lists.insert(&dirty);
    lists.insert(&other_clean);
    CHECK(lists.find(4) == &dirty);
    CHECK(lists.find(pages) == &dirty);
    lists.remove(&dirty);
    CHECK(lists.find(4) == &other_clean);
    CHECK(lists.find(5) == nullptr);
  }
}

TEST_CASE("a clean run is found where the ones with used pages are too short") {
  Lists lists;
  Span clean = run_of(50);
  Span dirty = run_of(40, 1);
  lists.insert(&clean);
  lists.insert(&dirty);
  CHECK(lists.find(40) == &dirty);
  CHECK(lists.find(41) == &clean);
  CHECK(lists.find(51) == nullptr);
}

TEST_CASE("the longest run with used pages is found, if there is one") {
  Lists lists;
  Span clean = run_of(4000);
  Span dirty = run_of(9, 1);
  Span longer = run_of(300, 1);
  lists.insert(&clean);
  CHECK(lists.longest_dirty() == nullptr);
  lists.insert(&dirty);
  CHECK(lists.longest_dirty() == &dirty);
  lists.insert(&longer);
  CHECK(lists.longest_dirty() == &longer);
  lists.remove(&longer);
  CHECK(lists.longest_dirty() == &dirty);
  lists.remove(&dirty);
  CHECK(lists.longest_dirty() == nullptr);
}

TEST_CASE("runs leave their list in any order") {
  static Span runs[6];
  for (size_t first = 0; first < 6; first++) {
    Lists lists;
    for (Span& run : runs) {
      run = run_of(12);
      lists.insert(&run);
    }
    for (size_t i = 0; i < 6; i++) {
      Span& gone = runs[(first + i * 5) % 6];
      lists.remove(&gone);
      CHECK_FALSE(lists.contains(&gone));
      for (size_t j = i + 1; j < 6; j++) CHECK(lists.contains(&runs[(first + j * 5) % 6]));
    }
    CHECK(lists.find(1) == nullptr);
  }
}

TEST_CASE("the most pages that can be had are as many as find() finds, and no more") {
  support::Random random(11);
  static Span runs[40];
  Lists lists;
  bool is_in[40] = {};
  CHECK(lists.most_pages() == 0);
  for (int i = 0; i < 2'000; i++) {
    const size_t which = random.below(40);
    if (is_in[which]) {
      lists.remove(&runs[which]);
    } else {
      const size_t pages = 1 + random.below(size_t{1} << random.below(12));
      runs[which] = run_of(static_cast<uint32_t>(pages), static_cast<uint32_t>(random.below(2)));
      lists.insert(&runs[which]);
    }
    is_in[which] = !is_in[which];
    const size_t most = lists.most_pages();
    if (most != 0) CHECK(lists.find(most) != nullptr);
    CHECK(lists.find(most + 1) == nullptr);
  }
}
