// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/heap.hpp: misuse is caught, named, and leaves the heap as it was. Programs that make each
// mistake once: tests/misuse.
#include "rsb/inspector.hpp"

#include "support/test.hpp"
#include "support/worlds.hpp"

using namespace rsb;
using support::of;
using support::World;

namespace {

template <class C>
constexpr size_t span_of = C::options.span_size;

// A large block that the arena has room for twice.
template <class C>
constexpr size_t large_size =
    span_of<C> > 16 * KiB ? span_of<C> + 1 : span_of<C> + 3 * C::options.page_size;

template <class W>
int fault_of_free(W& w, void* p) {
  return support::fault_of([&] { w.heap.deallocate(p); });
}

// All that takes a block refuses it with the same fault.
template <class W>
void check_refused(W& w, void* p, Fault fault) {
  CHECK(support::fault_of([&] { w.heap.deallocate(p); }) == of(fault));
  CHECK(support::fault_address() == p);
  CHECK(support::fault_of([&] { support::drop(w.heap.reallocate(p, 1'000)); }) == of(fault));
  CHECK(support::fault_address() == p);
  CHECK(support::fault_of([&] { support::drop(w.heap.reallocate(p, 1'000, 64)); }) == of(fault));
  CHECK(support::fault_of([&] { support::drop(w.heap.usable_size(p)); }) == of(fault));
  CHECK(support::fault_address() == p);
  CHECK_FALSE(support::WatchedLock::is_held());
  CHECK_SOUND(w);
}

}  // namespace

TEST_CASE_TEMPLATE("a double free of a small block is caught", C, SUPPORT_CHECKED_WORLDS) {
  World<C> w;
  for (const size_t size : {size_t{8}, size_t{16}, size_t{100}, span_of<C> / 4}) {
    void* const keep = w.heap.allocate(size);
    void* const a = w.heap.allocate(size);
    void* const b = w.heap.allocate(size);
    REQUIRE(b != nullptr);
    w.heap.deallocate(a);
    check_refused(w, a, Fault::double_free);
    w.heap.deallocate(b);
    check_refused(w, a, Fault::double_free);  // not only the last one
    check_refused(w, b, Fault::double_free);
    CHECK(support::fault_of([&] { w.heap.deallocate(a, size); }) == of(Fault::double_free));
    void* const again = w.heap.allocate(size);
    if (!support::has_caches) CHECK(again == b);  // they have sent it back to the heap
    w.heap.deallocate(again);
    w.heap.deallocate(keep);
  }
  CHECK_SOUND(w);
}

TEST_CASE("a double free of a block whose pages went back to the source is caught") {
  World<support::SmallRadix> w;
  constexpr size_t size = 100 * KiB;
  auto* const block = static_cast<char*>(w.heap.allocate(size));
  REQUIRE(block != nullptr);
  w.heap.deallocate(block);
  w.heap.trim();
  check_refused(w, block, Fault::double_free);
  check_refused(w, block + size / 2, Fault::foreign_pointer);
  check_refused(w, block - 1 * KiB, Fault::foreign_pointer);
}

TEST_CASE_TEMPLATE("a double free of a 4-byte block is caught while it is among the last sixteen",
                   C, SUPPORT_CHECKED_WORLDS) {
  World<C> w;
  void* blocks[20];
  void* const keep = w.heap.allocate(4, 4);
  for (void*& b : blocks) b = w.heap.allocate(4, 4);
  for (size_t i = 0; i < 20; i++) {
    w.heap.deallocate(blocks[i], 4, 4);
    for (size_t j = i > 15 ? i - 15 : 0; j <= i; j++) {
      CHECK(support::fault_of([&] { w.heap.deallocate(blocks[j], 4, 4); }) ==
            of(Fault::double_free));
    }
  }
  w.heap.deallocate(keep, 4, 4);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a double free of a full span's only block is caught", C,
                   SUPPORT_CHECKED_WORLDS) {
  World<C> w;
  void* const block = w.heap.allocate(span_of<C>);
  REQUIRE(block != nullptr);
  w.heap.deallocate(block);
  const int fault = fault_of_free(w, block);
  CHECK((fault == of(Fault::double_free) || fault == of(Fault::foreign_pointer)));
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a double free is caught after the span went back", C, SUPPORT_CHECKED_WORLDS) {
  World<C> w;
  void* const block = w.heap.allocate(100);
  w.heap.deallocate(block);
  w.heap.trim();
  const int fault = fault_of_free(w, block);
  CHECK((fault == of(Fault::double_free) || fault == of(Fault::foreign_pointer)));
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a double free of a large block is caught", C, SUPPORT_CHECKED_WORLDS) {
  World<C> w;
  char* const block = static_cast<char*>(w.heap.allocate(large_size<C>));
  REQUIRE(block != nullptr);
  w.heap.deallocate(block);
  const int fault = fault_of_free(w, block);
  CHECK((fault == of(Fault::double_free) || fault == of(Fault::foreign_pointer)));
  CHECK_SOUND(w);
  w.heap.trim();
  const int later = fault_of_free(w, block);  // its page may be gone
  CHECK((later == of(Fault::double_free) || later == of(Fault::foreign_pointer)));
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a pointer that never was ours is foreign", C, SUPPORT_CHECKED_WORLDS) {
  World<C> w;
  alignas(64) static char elsewhere[64];
  alignas(16) char local[64];
  // With bits of an address ignored, these may share a descriptor with something: still foreign.
  void* const block = w.heap.allocate(16);
  check_refused(w, elsewhere, Fault::foreign_pointer);
  check_refused(w, local, Fault::foreign_pointer);
  check_refused(w, &w.heap, Fault::foreign_pointer);
  w.heap.deallocate(block);
}

TEST_CASE_TEMPLATE("a pointer to an empty heap is foreign", C, SUPPORT_CHECKED_WORLDS) {
  Heap<C> heap;
  int local = 0;
  CHECK(support::fault_of([&] { heap.deallocate(&local); }) == of(Fault::foreign_pointer));
  CHECK(support::fault_of([&] { heap.deallocate(&local, 4); }) == of(Fault::foreign_pointer));
  CHECK(support::fault_of([&] { support::drop(heap.reallocate(&local, 4)); }) ==
        of(Fault::foreign_pointer));
  CHECK(support::fault_of([&] { support::drop(heap.usable_size(&local)); }) ==
        of(Fault::foreign_pointer));
}

TEST_CASE_TEMPLATE("a slot that was never handed out is foreign", C, SUPPORT_CHECKED_WORLDS) {
  World<C> w;
  char* const block = static_cast<char*>(w.heap.allocate(16));
  if (support::has_caches) {  // they have taken some more, which now count as free
    CHECK(fault_of_free(w, block + 160) == of(Fault::foreign_pointer));
  } else {
    check_refused(w, block + 16, Fault::foreign_pointer);
    check_refused(w, block + 160, Fault::foreign_pointer);
  }
  w.heap.deallocate(block);
}

TEST_CASE_TEMPLATE("free pages, and runs of the page allocator, are no blocks", C,
                   SUPPORT_CHECKED_WORLDS) {
  World<C> w;
  char* const run = static_cast<char*>(w.heap.pages().allocate(1));
  REQUIRE(run != nullptr);
  check_refused(w, run, Fault::foreign_pointer);
  w.heap.pages().deallocate(run);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a pointer into a small block is interior", C, SUPPORT_CHECKED_WORLDS) {
  World<C> w;
  char* const block = static_cast<char*>(w.heap.allocate(100));
  char* const behind = static_cast<char*>(w.heap.allocate(100));
  for (size_t i = 4; i < 100; i += 4) check_refused(w, block + i, Fault::interior_pointer);
  w.heap.deallocate(block);
  w.heap.deallocate(behind);
}

TEST_CASE_TEMPLATE("a pointer into a large block is interior", C, SUPPORT_CHECKED_WORLDS) {
  World<C> w;
  char* const block = static_cast<char*>(w.heap.allocate(large_size<C>));
  REQUIRE(block != nullptr);
  check_refused(w, block + 4, Fault::interior_pointer);
  check_refused(w, block + 16, Fault::interior_pointer);
  check_refused(w, block + C::options.page_size, Fault::interior_pointer);
  check_refused(w, block + align_up(large_size<C>, size_t{C::options.page_size}) - 16,
                Fault::interior_pointer);
  w.heap.deallocate(block);
}

TEST_CASE_TEMPLATE("a pointer at which no block can start is misaligned", C,
                   SUPPORT_CHECKED_WORLDS) {
  World<C> w;
  char* const block = static_cast<char*>(w.heap.allocate(100));
  for (size_t i = 1; i < 100; i++) {
    if (i % 4 != 0) check_refused(w, block + i, Fault::misaligned_pointer);
  }
  w.heap.deallocate(block);
  char* const large = static_cast<char*>(w.heap.allocate(large_size<C>));
  REQUIRE(large != nullptr);
  check_refused(w, large + 1, Fault::misaligned_pointer);
  check_refused(w, large + 2, Fault::misaligned_pointer);
  check_refused(w, large + 3, Fault::misaligned_pointer);
  w.heap.deallocate(large);
}

TEST_CASE_TEMPLATE("a pointer into any page of a span finds its block", C, SUPPORT_CHECKED_WORLDS) {
  World<C> w;
  const size_t size =
      span_of<C> / 2;  // two blocks; with several pages a span, the second is in a tail
  char* const a = static_cast<char*>(w.heap.allocate(size));
  char* const b = static_cast<char*>(w.heap.allocate(size));
  REQUIRE(b == a + size);
  check_refused(w, b + 16, Fault::interior_pointer);
  w.heap.deallocate(b);
  check_refused(w, b, Fault::double_free);
  w.heap.deallocate(a);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a release with the size of another class is a size mismatch", C,
                   SUPPORT_CHECKED_WORLDS) {
  World<C> w;
  void* const block = w.heap.allocate(100);
  const int mismatch = of(Fault::size_mismatch);
  for (const size_t size : {size_t{0}, size_t{8}, size_t{96}, size_t{113}, size_t{200}, span_of<C>,
                            span_of<C> + 1, SIZE_MAX}) {
    CAPTURE(size);
    CHECK(support::fault_of([&] { w.heap.deallocate(block, size); }) == mismatch);
    CHECK(support::fault_address() == block);
    CHECK_SOUND(w);
  }
  CHECK(support::fault_of([&] { w.heap.deallocate(block, 100, 128); }) == mismatch);
  w.heap.deallocate(block, 112);  // the class of 100 bytes
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a large block released with another number of pages is a size mismatch", C,
                   SUPPORT_CHECKED_WORLDS) {
  World<C> w;
  void* const block = w.heap.allocate(large_size<C>);
  REQUIRE(block != nullptr);
  const int mismatch = of(Fault::size_mismatch);
  const size_t page = C::options.page_size;
  CHECK(support::fault_of([&] { w.heap.deallocate(block, 100); }) == mismatch);
  CHECK(support::fault_of([&] { w.heap.deallocate(block, span_of<C>); }) == mismatch);
  CHECK(support::fault_of([&] { w.heap.deallocate(block, large_size<C> + page); }) == mismatch);
  if (large_size < C >> span_of<C> + page) {
    CHECK(support::fault_of([&] { w.heap.deallocate(block, large_size<C> - page); }) == mismatch);
  }
  CHECK_SOUND(w);
  w.heap.deallocate(block, large_size<C>);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a wrong pointer with a size is named after the pointer", C,
                   SUPPORT_CHECKED_WORLDS) {
  World<C> w;
  char* const block = static_cast<char*>(w.heap.allocate(100));
  char* const behind = static_cast<char*>(w.heap.allocate(100));
  CHECK(support::fault_of([&] { w.heap.deallocate(block + 4, 8); }) == of(Fault::interior_pointer));
  CHECK(support::fault_of([&] { w.heap.deallocate(block + 1, 8); }) ==
        of(Fault::misaligned_pointer));
  w.heap.deallocate(block);
  CHECK(support::fault_of([&] { w.heap.deallocate(block, 8); }) == of(Fault::double_free));
  w.heap.deallocate(behind);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a write into a free block is caught when the block is handed out", C,
                   SUPPORT_CHECKED_WORLDS) {
  for (size_t i = 0; i < 4; i++) {
    World<C> w;
    void* const keep = w.heap.allocate(32);
    char* const block = static_cast<char*>(w.heap.allocate(32));
    w.heap.deallocate(block);
    const char before = block[i];
    block[i] = static_cast<char>(before + 1);
    CHECK(support::fault_of([&] { support::drop(w.heap.allocate(32)); }) ==
          of(Fault::overwritten_link));
    CHECK(support::fault_address() == block);
    CHECK(inspect(w.heap).check() != nullptr);  // the check sees it too
    CHECK_FALSE(support::WatchedLock::is_held());
    CHECK(w.stats().live_blocks == 1);
    block[i] = before;
    CHECK_SOUND(w);
    CHECK(w.heap.allocate(32) == block);
    w.heap.deallocate(block);
    w.heap.deallocate(keep);
    CHECK_SOUND(w);
  }
}

TEST_CASE_TEMPLATE("every caught misuse leaves the heap as it was", C, SUPPORT_CHECKED_WORLDS) {
  World<C> w;
  char* const block = static_cast<char*>(w.heap.allocate(100));
  void* const freed = w.heap.allocate(100);
  w.heap.deallocate(freed);
  const Stats before = w.stats();
  int local = 0;
  for (int i = 0; i < 100; i++) {
    fault_of_free(w, block + 4);
    fault_of_free(w, block + 1);
    fault_of_free(w, freed);
    fault_of_free(w, &local);
    support::fault_of([&] { w.heap.deallocate(block, 16); });
  }
  const Stats after = w.stats();
  CHECK(after.live_blocks == before.live_blocks);
  CHECK(after.live_bytes == before.live_bytes);
  CHECK(after.used_bytes == before.used_bytes);
  CHECK(after.acquired_bytes == before.acquired_bytes);
  CHECK_SOUND(w);
  w.heap.deallocate(block);
}

// ---- The page source's mistakes
// -------------------------------------------------------------------

TEST_CASE_TEMPLATE("misaligned pages are a fault, be they for blocks or for the map", C,
                   support::SmallRadix, support::ThreeLevels, support::MultiPageSpans) {
  size_t calls = 0;  // of the source, for the first block
  {
    World<C> w;
    REQUIRE(w.heap.allocate(16) != nullptr);
    calls = w.source().calls();
    REQUIRE(calls >= 2);
  }
  for (size_t n = 0; n < calls; n++) {
    World<C> w;
    CAPTURE(n);
    w.source().misalign_after(n);
    CHECK(support::fault_of([&] { support::drop(w.heap.allocate(16)); }) == of(Fault::bad_pages));
    CHECK_FALSE(support::WatchedLock::is_held());
    CHECK(inspect(w.heap).check() == nullptr);
    CHECK(w.stats().live_blocks == 0);
    void* const block = w.heap.allocate(16);  // the next ones are right
    CHECK(block != nullptr);
    w.heap.deallocate(block);
    CHECK(inspect(w.heap).check() == nullptr);
  }
}

TEST_CASE_TEMPLATE("pages that overlap others are a fault", C, support::SmallRadix,
                   support::ThreeLevels, support::MultiPageSpans) {
  constexpr size_t own = C::options.acquire_size;
  World<C> w;
  char* const block = static_cast<char*>(w.heap.pages().allocate(own / C::options.page_size));
  REQUIRE(block != nullptr);
  support::fill_pattern(block, own, 1);
  // The same again, one that begins inside, and one that ends inside.
  char* const answers[] = {block, block + C::options.acquire_alignment,
                           block - C::options.acquire_alignment};
  for (char* answer : answers) {
    if (bytes_from(support::arena, answer) >= support::arena_bytes) continue;
    w.source().answer_next(answer);
    CHECK(support::fault_of([&] { (void)w.heap.pages().allocate(own / C::options.page_size); }) ==
          of(Fault::bad_pages));
    CHECK(support::fault_address() == answer);
    CHECK(inspect(w.heap).check() == nullptr);
  }
  CHECK(support::holds_pattern(block, own, 1));
  w.heap.pages().deallocate(block);
  CHECK_SOUND(w);
}

namespace {

// A source that says whether it takes the allocator's page.
class PickyPages : public support::ScriptedPages {
 public:
  bool accepts_page(size_t bytes) noexcept { return bytes >= smallest; }
  size_t smallest = 0;
};

}  // namespace

TEST_CASE(
    "a source whose page is larger than the allocator's is a fault, before anything is acquired") {
  World<support::Configuration<support::three_levels, PickyPages>> w;
  w.source().smallest = 4 * KiB;
  CHECK(support::fault_of([&] { support::drop(w.heap.allocate(16)); }) ==
        of(Fault::page_size_too_small));
  CHECK(w.source().calls() == 0);
  CHECK_FALSE(support::WatchedLock::is_held());
  w.source().smallest = 1 * KiB;
  void* const block = w.heap.allocate(16);
  CHECK(block != nullptr);
  w.heap.deallocate(block);
  CHECK_SOUND(w);
}

// ---- Unchecked
// ------------------------------------------------------------------------------------

TEST_CASE_TEMPLATE("an unchecked heap still knows what is not in its map", C,
                   SUPPORT_UNCHECKED_WORLDS) {
  Heap<C> heap;
  int local = 0;
  CHECK(support::fault_of([&] { heap.deallocate(&local); }) == of(Fault::foreign_pointer));
}

TEST_CASE_TEMPLATE("an unchecked heap takes any size for a block that is its own", C,
                   SUPPORT_UNCHECKED_WORLDS) {
  World<C> w;
  void* const block = w.heap.allocate(100);
  w.heap.deallocate(block, 8);
  CHECK(w.stats().live_blocks == 0);
  CHECK_SOUND(w);
}
