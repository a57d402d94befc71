// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/heap.hpp: allocating and releasing without waiting.
#include "rsb/inspector.hpp"

#include "support/test.hpp"
#include "support/worlds.hpp"

using namespace rsb;
using support::of;
using support::World;

namespace {

template <class C>
constexpr size_t span_of = C::options.span_size;

// As if the code around were inside the heap, and the block after it a handler that interrupts it.
template <class W>
class Inside {
 public:
  explicit Inside(W& w) : lock_(w.heap.pages().lock()) { lock_.lock(); }
  ~Inside() { lock_.unlock(); }

 private:
  support::WatchedLock& lock_;
};

template <class W>
int fault_of_nowait(W& w, void* p) {
  return support::fault_of([&] { w.heap.deallocate_nowait(p); });
}

template <Options chosen>
constexpr Options with_reserve(size_t pages) {
  Options o = chosen;
  o.reserve_pages = pages;
  return o;
}

template <class W>
size_t fill_with(W& w, size_t size, void** blocks, size_t most) {
  size_t count = 0;
  while (count < most && (blocks[count] = w.heap.allocate(size)) != nullptr) count++;
  return count;
}

void* blocks[20'000];

}  // namespace

TEST_CASE_TEMPLATE("a handler inside the heap gets no memory", C, SUPPORT_WORLDS) {
  World<C> w;
  w.heap.deallocate(w.heap.allocate(16));
  {
    Inside inside(w);
    CHECK(w.heap.allocate_nowait(16) == nullptr);
    CHECK(w.heap.allocate_nowait(span_of<C> + 1) == nullptr);
  }
  CHECK(w.stats().failures == 0);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a handler outside the heap gets what is at hand", C, SUPPORT_WORLDS) {
  World<C> w;
  w.heap.deallocate(w.heap.allocate(16));
  for (const size_t size : {size_t{0}, size_t{1}, size_t{16}, size_t{100}, span_of<C>}) {
    CAPTURE(size);
    w.heap.trim();
    w.heap.deallocate(w.heap.allocate(size));
    void* const block = w.heap.allocate_nowait(size);
    REQUIRE(block != nullptr);
    support::fill(block, size, 0xa5);
    CHECK(w.heap.usable_size(block) >= size);
    CHECK(is_aligned(block, size < 16 ? sizeof(void*) : 16));
    w.heap.deallocate(block);
  }
  void* const least = w.heap.allocate_nowait(4, 4);
  CHECK(w.heap.usable_size(least) == 4);
  w.heap.deallocate(least);
  CHECK(w.heap.allocate_nowait(16, 3) == nullptr);
  CHECK(w.heap.allocate_nowait(SIZE_MAX) == nullptr);
  CHECK(w.heap.allocate_nowait(max_object_bytes + 1, 64) == nullptr);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a handler does not bother the page source", C, SUPPORT_SOURCE_WORLDS) {
  World<C> w;
  CHECK(w.heap.allocate_nowait(16) == nullptr);  // there are no pages yet
  CHECK(w.heap.allocate_nowait(span_of<C> * 2) == nullptr);
  CHECK(w.source().acquisitions() == 0);
  w.heap.deallocate(w.heap.allocate(16));
  const size_t acquisitions = w.stats().acquisitions;
  size_t count = 0;
  while (count < 20'000 && (blocks[count] = w.heap.allocate_nowait(span_of<C>)) != nullptr) count++;
  CHECK(count > 0);
  CHECK(w.stats().acquisitions == acquisitions);
  for (size_t i = 0; i < count; i++) w.heap.deallocate_nowait(blocks[i]);
  const size_t before = w.stats().deferred_blocks;
  CHECK(before == count);
  CHECK(w.heap.allocate_nowait(span_of<C>) != nullptr);
  CHECK(w.stats().deferred_blocks == before - smaller(before, C::options.deferred_batch));
  CHECK(w.stats().releases == 0);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a handler inside the heap can release blocks of any kind", C, SUPPORT_WORLDS) {
  World<C> w;
  size_t count = 0;
  const size_t large = span_of<C> > 16 * KiB ? 0 : span_of<C> * 2;
  for (const size_t size :
       {size_t{1}, size_t{8}, size_t{16}, size_t{48}, size_t{100}, span_of<C>, large}) {
    for (int i = 0; i < 3 && size != 0; i++) {
      blocks[count] = w.heap.allocate(size);
      if (blocks[count] != nullptr) count++;  // memory for all of the largest spans there is not
    }
  }
  for (int i = 0; i < 50; i++) {
    blocks[count] = w.heap.allocate(4, 4);
    if (blocks[count] != nullptr) count++;
  }
  REQUIRE(count > 10);
  {
    Inside inside(w);
    w.heap.deallocate_nowait(nullptr);
    for (size_t i = 0; i < count; i++) w.heap.deallocate_nowait(blocks[i]);
  }
  const Stats before = w.stats();
  CHECK(before.live_blocks == count);  // not taken over yet
  CHECK(before.deferred_blocks == count);
  bool any = false;
  rsb::inspect(w.heap).walk([&](void*, size_t) { return any = true; });
  CHECK_FALSE(any);
  const Stats after = w.stats();
  CHECK(after.live_blocks == 0);
  CHECK(after.deferred_blocks == 0);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("trim gives back what handlers released", C, SUPPORT_SOURCE_WORLDS) {
  World<C> w;
  void* const small = w.heap.allocate(16);
  void* const large = w.heap.allocate(span_of<C> + 1);
  w.heap.deallocate_nowait(small);
  w.heap.deallocate_nowait(large);
  w.heap.trim();
  CHECK(w.stats().live_blocks == 0);
  CHECK(w.stats().acquired_bytes == 0);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("one call takes over as many blocks as the options say", C, SUPPORT_WORLDS) {
  if (span_of < C >> 16 * KiB) return;  // the arena is too small for blocks of more
  World<C> w;
  const size_t batch = C::options.deferred_batch;
  const size_t count = 4 * batch + 3;
  void* const keep = w.heap.allocate(16);
  for (size_t i = 0; i < count; i++) blocks[i] = w.heap.allocate(16);
  for (size_t i = 0; i < count; i++) w.heap.deallocate_nowait(blocks[i]);
  for (size_t left = count; left > 0;) {
    CHECK(w.stats().deferred_blocks == left);
    left -= smaller(left, batch);
    void* const large = w.heap.allocate(span_of<C> + 1);
    REQUIRE(large != nullptr);
    CHECK(w.stats().deferred_blocks == left);
    left -= smaller(left, batch);
    w.heap.deallocate(large);
  }
  CHECK(w.stats().deferred_blocks == 0);
  CHECK(w.stats().live_blocks == 1);
  w.heap.deallocate(keep);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("no more memory is taken than is released, by handlers alone", C,
                   SUPPORT_WORLDS) {
  World<C> w;
  for (int i = 0; i < 50'000; i++) {
    void* const block = w.heap.allocate(24);
    REQUIRE(block != nullptr);
    w.heap.deallocate_nowait(block);
  }
  CHECK(w.stats().peak_used_bytes <= 4 * span_of<C>);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("an allocation is null only when all that handlers released is taken over", C,
                   SUPPORT_WORLDS) {
  World<C> w;
  const size_t count = fill_with(w, span_of<C> / 4, blocks, 20'000);
  REQUIRE(count > 0);
  const size_t failures = w.stats().failures;
  for (size_t i = 0; i < count; i++) w.heap.deallocate_nowait(blocks[i]);
  // Not before all of it is back is there a run of pages as long.
  const size_t most = w.is_pool ? w.given() - w.given() % C::options.page_size : 32 * KiB;
  void* const all = w.heap.allocate(most > span_of<C> ? most : span_of<C>);
  CHECK(all != nullptr);
  CHECK(w.stats().failures == failures);
  w.heap.deallocate(all);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("an exhausted bin finds the slots that handlers released", C, SUPPORT_WORLDS) {
  World<C> w;
  const size_t count = fill_with(w, 16, blocks, 20'000);
  REQUIRE(count > 100);
  REQUIRE(count < 20'000);
  for (size_t i = 0; i < count; i += 7) w.heap.deallocate_nowait(blocks[i]);
  for (size_t i = 0; i < count; i += 7) {
    blocks[i] = w.heap.allocate(16);
    CHECK(blocks[i] != nullptr);
  }
  CHECK(w.heap.allocate(16) == nullptr);
  for (size_t i = 0; i < count; i++) w.heap.deallocate_nowait(blocks[i]);
  CHECK(w.heap.allocate_nowait(16) != nullptr);  // after one batch
  CHECK_SOUND(w);
}

// ---- What waits ----

namespace {

// How the blocks of a program come back.
enum class Release { at_once, by_handlers };

// A program whose handlers release, and may allocate. Its blocks are of few classes.
template <class W>
class Program {
 public:
  Program(W& w, Release release) : w_(w), release_(release) {}

  // The program allocates it, or a handler.
  void take(size_t size) { keep(w_.heap.allocate(size)); }
  void take_in_handler(size_t size) { keep(w_.heap.allocate_nowait(size)); }
  void take_and_grow(size_t size, size_t more) {
    void* const block = w_.heap.allocate(size);
    void* const grown = block != nullptr ? w_.heap.reallocate(block, more) : nullptr;
    keep(grown != nullptr ? grown : block);
  }
  // Touches neither a lock nor what waits, if there is a freed slot.
  void use(size_t size) { w_.heap.deallocate(w_.heap.allocate(size)); }

  void release_all() {
    for (; count_ != 0; count_--) {
      void* const block = taken_[count_ - 1];
      release_ == Release::at_once ? w_.heap.deallocate(block) : w_.heap.deallocate_nowait(block);
    }
  }

 private:
  void keep(void* block) {
    if (block != nullptr) taken_[count_++] = block;
  }

  W& w_;
  const Release release_;
  void* taken_[400] = {};
  size_t count_ = 0;
};

// The most bytes of pages in use, while this round goes on and on.
template <class C, class Round>
size_t peak_used(Release release, Round round) {
  World<C> w;
  Program<World<C>> program(w, release);
  for (int i = 0; i < 300; i++) program.take(16);  // a backlog to begin with
  void* const keep = w.heap.allocate(16);
  w.heap.deallocate(w.heap.allocate(16));
  program.release_all();
  for (int i = 0; i < 3'000; i++) {
    round(program);
    program.release_all();
  }
  CHECK_SOUND(w);
  w.heap.deallocate(keep);
  return w.stats().peak_used_bytes;
}

}  // namespace

TEST_CASE_TEMPLATE("what waits for being taken over keeps no more pages than the options say", C,
                   SUPPORT_WORLDS) {
  using P = Program<World<C>>;
  constexpr unsigned more_than_a_batch = 2 * C::options.deferred_batch;
  void (*const rounds[])(P&) = {
      // The program allocates, handlers release.
      [](P& p) { p.take(span_of<C>); },
      [](P& p) { p.take(span_of<C> + 1); },
      [](P& p) { p.take_and_grow(span_of<C> + 1, 3 * span_of<C>); },
      // Freed slots are handed out faster than one batch a span is taken over.
      [](P& p) {
        p.take(span_of<C>);
        for (unsigned i = 0; i < more_than_a_batch; i++) p.take(16);
      },
      [](P& p) {
        p.take(span_of<C> + 1);
        for (unsigned i = 0; i < more_than_a_batch; i++) p.take(16);
      },
      // Handlers allocate, too, and the program takes nothing but freed slots.
      [](P& p) {
        p.take_in_handler(span_of<C> / 2);
        p.use(16);
      },
      [](P& p) {
        p.take_in_handler(span_of<C> + 1);
        for (unsigned i = 0; i < more_than_a_batch; i++) p.take(16);
      },
  };
  for (size_t i = 0; i < sizeof rounds / sizeof *rounds; i++) {
    CAPTURE(i);
    const size_t needed = peak_used<C>(Release::at_once, rounds[i]);
    const size_t used = peak_used<C>(Release::by_handlers, rounds[i]);
    constexpr size_t classes = 3;  // of each a current span
    CHECK(used <= needed + (C::options.deferred_batch + classes) * span_of<C>);
  }
}

TEST_CASE_TEMPLATE("a random mix with a handler that releases and allocates loses nothing", C,
                   SUPPORT_WORLDS) {
  World<C> w;
  support::Random random(4);
  constexpr size_t slots = 200;
  struct {
    void* block = nullptr;
    size_t size = 0;
    unsigned seed = 0;
  } live[slots];
  for (unsigned i = 0; i < 20'000; i++) {
    auto& [block, size, seed] = live[random.below(slots)];
    if (block != nullptr) {
      if (!support::holds_pattern(block, size, seed)) FAIL("a block was written to");
      if (random.below(2) == 0) {
        Inside inside(w);
        w.heap.deallocate_nowait(block);
      } else {
        w.heap.deallocate(block);
      }
      block = nullptr;
    } else {
      size = random.below(10) == 0 ? random.below(span_of<C> * 2) : random.below(200);
      const size_t alignment = random.below(3) == 0 ? 4 : 16;
      block = random.below(2) == 0 ? w.heap.allocate_nowait(size, alignment)
                                   : w.heap.allocate(size, alignment);
      seed = i;
      if (block != nullptr) support::fill_pattern(block, size, seed);
    }
    if (i % 5'000 == 0) CHECK_SOUND(w);
  }
  for (auto& [block, size, seed] : live) w.heap.deallocate_nowait(block);
  CHECK_SOUND(w);
  CHECK(w.stats().live_blocks == 0);
}

// ---- The reserve ----

namespace {
constexpr size_t reserve = 8;
struct RadixWithReserve : support::Configuration<with_reserve<support::small_radix>(reserve)> {};
struct SpansWithReserve : support::Configuration<with_reserve<support::multi_page_spans>(reserve)> {
};
struct PoolWithReserve : support::Configuration<with_reserve<support::firmware>(reserve)> {};
}  // namespace

#define WORLDS_WITH_RESERVE RadixWithReserve, SpansWithReserve, PoolWithReserve

TEST_CASE_TEMPLATE("the reserve is for those who cannot wait", C, WORLDS_WITH_RESERVE) {
  World<C> w;
  CHECK(w.stats().reserved_pages == 0);
  size_t count = fill_with(w, span_of<C>, blocks, 20'000);
  REQUIRE(count > 0);
  CHECK(w.stats().reserved_pages == reserve);
  CHECK_SOUND(w);
  size_t drawn = 0;
  while (void* const block = w.heap.allocate_nowait(span_of<C>)) {
    blocks[count++] = block;
    drawn += C::options.span_pages();
    CHECK(w.stats().reserved_pages == reserve - drawn);
    CHECK_SOUND(w);
  }
  CHECK(drawn == reserve);
  CHECK(w.heap.allocate(span_of<C>) == nullptr);
  // What comes back fills the reserve first.
  for (size_t i = 0; i < count; i++) w.heap.deallocate(blocks[i]);
  CHECK(w.stats().reserved_pages == reserve);
  if (support::has_caches) w.heap.trim();
  CHECK(w.stats().used_bytes == reserve * C::options.page_size);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("what the reserve gives is aligned as asked for, or null", C,
                   WORLDS_WITH_RESERVE) {
  World<C> w;
  w.heap.deallocate(w.heap.allocate(16));
  fill_with(w, span_of<C>, blocks, 20'000);
  const size_t bytes = span_of<C> + 1;
  bool is_refused = false;
  for (size_t alignment = C::options.page_size; alignment <= support::arena_bytes; alignment *= 2) {
    CAPTURE(alignment);
    void* const block = w.heap.allocate_nowait(bytes, alignment);
    if (block == nullptr) is_refused = true;
    CHECK(is_aligned(block, alignment));
    w.heap.deallocate(block);
  }
  // With caches the reserve lies at the arena's start, which is aligned to all of these.
  if (!support::has_caches) CHECK(is_refused);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("what was drawn from the reserve is topped up from the page source", C,
                   WORLDS_WITH_RESERVE) {
  World<C> w;
  w.heap.deallocate(w.heap.allocate(16));
  REQUIRE(w.stats().reserved_pages == reserve);
  size_t count = 0;
  while ((blocks[count] = w.heap.allocate_nowait(span_of<C> + 1)) != nullptr) {
    if (w.stats().reserved_pages != reserve) break;
    count++;
  }
  if (!w.is_pool) {
    CHECK(w.stats().reserved_pages < reserve);
    void* const other = w.heap.allocate(span_of<C> + 1);
    REQUIRE(other != nullptr);
    CHECK(w.stats().reserved_pages == reserve);
  }
  CHECK_SOUND(w);
}

// ---- Misuse ----

TEST_CASE_TEMPLATE("a second release without waiting is caught at once", C,
                   SUPPORT_CHECKED_WORLDS) {
  World<C> w;
  for (const size_t size : {size_t{8}, size_t{16}, size_t{100}, span_of<C>}) {
    CAPTURE(size);
    void* const block = w.heap.allocate(size);
    REQUIRE(block != nullptr);
    w.heap.deallocate_nowait(block);
    CHECK(fault_of_nowait(w, block) == of(Fault::double_free));
    CHECK(support::fault_address() == block);
    CHECK_SOUND(w);
    CHECK(fault_of_nowait(w, block) == of(Fault::double_free));
    CHECK_SOUND(w);
  }
}

TEST_CASE_TEMPLATE("a release without waiting of a free block is caught at once", C,
                   SUPPORT_CHECKED_WORLDS) {
  World<C> w;
  void* const keep = w.heap.allocate(24);
  void* const block = w.heap.allocate(24);
  void* const least = w.heap.allocate(4, 4);
  void* const other_least = w.heap.allocate(4, 4);
  w.heap.deallocate(block);
  w.heap.deallocate(least);
  CHECK(fault_of_nowait(w, block) == of(Fault::double_free));
  if (support::has_caches) w.heap.trim();  // it does not look for four bytes there
  CHECK(fault_of_nowait(w, least) == of(Fault::double_free));
  CHECK_SOUND(w);
  w.heap.deallocate(keep);
  w.heap.deallocate(other_least);
}

TEST_CASE_TEMPLATE("a block released both ways is caught when it is taken over", C,
                   SUPPORT_CHECKED_WORLDS) {
  for (const size_t size : {size_t{4}, size_t{24}}) {
    CAPTURE(size);
    World<C> w;
    void* const keep = w.heap.allocate(size, 4);
    void* const block = w.heap.allocate(size, 4);
    w.heap.deallocate_nowait(block);
    // Of four bytes, by the release itself, which is no quick one and takes over what waits.
    auto release_and_trim = [&] {
      w.heap.deallocate(block);
      w.heap.trim();
    };
    CHECK(support::fault_of(release_and_trim) == of(Fault::double_free));
    CHECK(support::fault_address() == block);
    CHECK_FALSE(support::WatchedLock::is_held());
    CHECK_SOUND(w);
    w.heap.deallocate(keep);
  }
}

TEST_CASE_TEMPLATE("4 bytes released twice without waiting are caught when they are taken over", C,
                   SUPPORT_CHECKED_WORLDS) {
  World<C> w;
  void* const keep = w.heap.allocate(4, 4);
  void* const block = w.heap.allocate(4, 4);
  void* const between = w.heap.allocate(4, 4);
  w.heap.deallocate_nowait(block);
  w.heap.deallocate_nowait(between);
  w.heap.deallocate_nowait(block);
  CHECK(support::fault_of([&] { w.heap.trim(); }) == of(Fault::double_free));
  CHECK(support::fault_address() == block);
  CHECK_SOUND(w);
  w.heap.deallocate(keep);
}

TEST_CASE_TEMPLATE("a block written to after it was released without waiting is caught", C,
                   SUPPORT_CHECKED_WORLDS) {
  World<C> w;
  void* const block = w.heap.allocate(40);
  w.heap.deallocate_nowait(block);
  static_cast<char*>(block)[2] ^= 4;
  CHECK(support::fault_of([&] { w.heap.trim(); }) == of(Fault::overwritten_link));
  CHECK(support::fault_address() == block);
  CHECK_FALSE(support::WatchedLock::is_held());
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("what is no block is refused at once", C, SUPPORT_CHECKED_WORLDS) {
  World<C> w;
  static char foreign[64];
  char* const block = static_cast<char*>(w.heap.allocate(64));
  char* const large = static_cast<char*>(w.heap.allocate(span_of<C> + 1));
  char* const unused = static_cast<char*>(w.heap.allocate(span_of<C> / 2));
  w.heap.deallocate(unused);
  CHECK(fault_of_nowait(w, foreign) == of(Fault::foreign_pointer));
  CHECK(fault_of_nowait(w, block + 16) == of(Fault::interior_pointer));
  CHECK(fault_of_nowait(w, block + 2) == of(Fault::misaligned_pointer));
  CHECK(support::fault_address() == block + 2);
  if (large != nullptr) {
    CHECK(fault_of_nowait(w, large + 16) == of(Fault::interior_pointer));
    CHECK(fault_of_nowait(w, large + 1) == of(Fault::misaligned_pointer));
    w.heap.deallocate(large);
    CHECK(fault_of_nowait(w, large) != support::no_fault);
  }
  CHECK(w.stats().deferred_blocks == 0);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("a slot that was never handed out is refused", C, SUPPORT_CHECKED_WORLDS) {
  World<C> w;
  char* const block = static_cast<char*>(w.heap.allocate(16));
  CHECK(fault_of_nowait(w, block + 160) == of(Fault::foreign_pointer));
  CHECK(support::fault_address() == block + 160);
  CHECK(w.stats().deferred_blocks == 0);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("what an earlier life left in a block is no second release", C,
                   SUPPORT_CHECKED_WORLDS) {
  World<C> w;
  for (const size_t size : {size_t{4}, size_t{8}, size_t{64}, span_of<C>, span_of<C> + 1}) {
    CAPTURE(size);
    for (int i = 0; i < 20; i++) {
      void* const block = w.heap.allocate(size, 4);
      if (block == nullptr) break;
      w.heap.deallocate_nowait(block);  // never written to
      CHECK_SOUND(w);
    }
  }
  CHECK(w.stats().live_blocks == 0);
}

TEST_CASE_TEMPLATE("what a slot left at the front of a page is no second release of a large block",
                   C, SUPPORT_CHECKED_WORLDS) {
  if (span_of < C >> 16 * KiB) return;  // the arena is too small
  World<C> w;
  const size_t slots = span_of<C> / 64;
  for (size_t i = 0; i < slots; i++) blocks[i] = w.heap.allocate(64);
  void* const next = w.heap.allocate(64);  // in another span
  for (size_t i = 0; i < slots; i++) w.heap.deallocate_nowait(blocks[i]);
  CHECK_SOUND(w);  // all taken over, the first of the span last
  w.heap.deallocate(next);
  w.heap.trim();
  size_t count = 0;
  while ((blocks[count] = w.heap.allocate(span_of<C> + 1)) != nullptr) count++;
  REQUIRE(count > 0);
  for (size_t i = 0; i < count; i++) w.heap.deallocate_nowait(blocks[i]);  // never written to
  CHECK_SOUND(w);
  CHECK(w.stats().live_blocks == 0);
}
