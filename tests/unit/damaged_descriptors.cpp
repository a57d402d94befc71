// SPDX-License-Identifier: MIT OR Apache-2.0
// What the heap below Checks::full verifies of its own descriptors whenever it touches them, and
// that those lie between pages that nobody can touch.
#include "support/full_worlds.hpp"
#include "support/test.hpp"
#include "support/worlds.hpp"

using namespace rsb;
using support::FencedPages;
using support::of;

namespace {

using Radix = UnderGuards<support::FullRadix>;
using Pool = UnderGuards<support::FullPool>;
using Spans = UnderGuards<support::FullSpans>;
struct FencedBasic : support::Configuration<support::small_radix, FencedPages> {};
using Fenced = support::FullFenced;

// A heap whose descriptors can be got at.
template <class Config>
struct Opened : support::TheHeap<Config> {
  Opened() {
    __builtin_memset(support::arena, support::dirt, support::arena_bytes);
    if constexpr (Config::options.map == Map::flat) {
      this->add_region(support::arena, support::arena_bytes);
    } else {
      source().serve_from(support::arena, support::arena_bytes);
    }
  }
  auto& source() { return this->pages().source(); }
  Span& descriptor(const void* p) { return *this->pages_.map().find(p); }
};

// Blocks of which 16 fill a span, in spans of all kinds.
template <class Config>
struct Scene {
  static constexpr size_t size = Config::options.span_size / 16;

  Scene() {
    for (void*& block : blocks) {
      block = heap.allocate(size);
      REQUIRE(block != nullptr);
    }
    for (const size_t i : {3u, 7u, 20u, 50u}) {
      heap.deallocate(blocks[i]);
      blocks[i] = nullptr;
    }
    if (support::has_caches) heap.trim();  // what they hold would hide the spans
  }

  // One that lies in a span of this kind.
  size_t block_in(Kind kind) {
    for (size_t i = 0; i < count; i++) {
      if (blocks[i] != nullptr && heap.descriptor(blocks[i]).kind == kind) return i;
    }
    FAIL("no span is of this kind");
    return 0;
  }

  void allocate_many() {
    for (int i = 0; i < 200; i++) support::drop(heap.allocate(size));
  }
  void release_from(const Span& span) {
    for (void* block : blocks) {
      if (block != nullptr && &heap.descriptor(block) == &span) heap.deallocate(block);
    }
    if (support::has_caches) heap.trim();
  }

  static constexpr size_t count = 56;
  Opened<Config> heap;
  void* blocks[count];
};

struct Damage {
  const char* what;
  void (*apply)(Span&);
};

// What is wrong with any span, in whatever place of its descriptor it was written.
constexpr Damage damages[] = {
    {"no class", [](Span& s) { s.size_class = 0xff; }},
    {"another class", [](Span& s) { s.size_class++; }},
    {"size of slots", [](Span& s) { s.slot_units++; }},
    {"end of slots", [](Span& s) { s.end = static_cast<SlotOffset>(s.end - s.slot_units); }},
    {"reciprocal", [](Span& s) { s.reciprocal ^= 0x100; }},
    {"no secret", [](Span& s) { s.secret = 0x1234; }},
    {"fresh beyond the end", [](Span& s) { s.slots.fresh = s.end + 1; }},
    {"fresh inside a slot", [](Span& s) { s.slots.fresh--; }},
    {"first free inside a slot", [](Span& s) { s.slots.first_free++; }},
    {"first free never handed out", [](Span& s) { s.slots.first_free = s.slots.fresh; }},
    {"fewer uses than none", [](Span& s) { s.uses = 0; }},
    {"more uses than slots", [](Span& s) { s.uses = 40; }},
    {"not quick", [](Span& s) { s.quick_below ^= 1; }},
    {"another base", [](Span& s) { s.base += s.slot_bytes() * 16; }},
    {"not a span", [](Span& s) { s.kind = Kind::none; }},
    {"all of it", [](Span& s) { support::fill(&s, sizeof s, 'x'); }},
};
// And with those in a list.
constexpr Damage damages_of_listed[] = {
    {"full", [](Span& s) { s.become_full(); }},
    {"current", [](Span& s) { s.kind = Kind::current, s.uses++; }},
    {"next", [](Span& s) { s.next = &s; }},
    {"no next", [](Span& s) { s.next = s.next == nullptr ? &s : nullptr; }},
    {"previous", [](Span& s) { s.previous = &s; }},
    {"an owner", [](Span& s) { s.owner = 3; }},
};
// And with the current one.
constexpr Damage damages_of_current[] = {
    {"listed", [](Span& s) { s.kind = Kind::span, s.uses--; }},
};

// And with full ones.
constexpr Damage damages_of_full[] = {
    {"no class", [](Span& s) { s.size_class = 0xff; }},
    {"not all handed out", [](Span& s) { s.slots.fresh = 0; }},
    {"a free one", [](Span& s) { s.slots.first_free = 0; }},
    {"quick", [](Span& s) { s.quick_below = s.slots.fresh; }},
    {"listed", [](Span& s) { s.kind = Kind::span; }},
    {"fewer uses", [](Span& s) { s.uses--; }},
};

template <class Config, class Provoke>
void expect_fault(Kind kind, const Damage& damage, Provoke&& provoke) {
  CAPTURE(damage.what);
  Scene<Config> scene;
  Span& span = scene.heap.descriptor(scene.blocks[scene.block_in(kind)]);
  CHECK(inspect(scene.heap).check() == nullptr);
  damage.apply(span);
  CHECK(inspect(scene.heap).check() != nullptr);
  CHECK(support::fault_of([&] { provoke(scene, span); }) == of(Fault::damaged_descriptor));
  CHECK(support::fault_address() == &span);
  CHECK_FALSE(support::WatchedLock::is_held());
}

template <class Config, size_t n>
void expect_faults(Kind kind, const Damage (&all)[n]) {
  for (const Damage& damage : all) {
    expect_fault<Config>(kind, damage,
                         [](Scene<Config>& scene, Span& span) { scene.release_from(span); });
  }
}

}  // namespace

TEST_CASE_TEMPLATE("a span whose descriptor was written to is named by who releases", C, Radix,
                   Pool, Spans) {
  expect_faults<C>(Kind::span, damages);
  expect_faults<C>(Kind::span, damages_of_listed);
  if (support::has_caches) return;  // which take all slots of the current one
  expect_faults<C>(Kind::current, damages);
  expect_faults<C>(Kind::current, damages_of_current);
}

TEST_CASE_TEMPLATE("and by who allocates from it", C, Radix, Pool, Spans) {
  const auto allocate = [](Scene<C>& scene, Span&) { scene.allocate_many(); };
  for (const Damage& damage : damages) expect_fault<C>(Kind::span, damage, allocate);
  for (const Damage& damage : damages_of_listed) expect_fault<C>(Kind::span, damage, allocate);
  if (support::has_caches) return;
  for (const Damage& damage : damages) expect_fault<C>(Kind::current, damage, allocate);
}

TEST_CASE_TEMPLATE("so is a full span when a slot comes back", C, Radix, Pool, Spans) {
  expect_faults<C>(Kind::full, damages_of_full);
}

TEST_CASE_TEMPLATE("and by who takes over what handlers have released", C, Radix, Pool, Spans) {
  for (const Damage& damage : damages) {
    Scene<C> scene;
    void* const block = scene.blocks[scene.block_in(Kind::span)];
    Span& span = scene.heap.descriptor(block);
    scene.heap.deallocate_nowait(block);
    damage.apply(span);
    CHECK(support::fault_of([&] { scene.heap.trim(); }) == of(Fault::damaged_descriptor));
    CHECK(support::fault_address() == &span);
  }
}

#ifdef RSB_TEST_CACHES
namespace {
struct Owning
    : support::Configuration<support::with_checks(support::three_levels, Checks::under_guards)> {
  static constexpr CacheOptions caches = support::with_spans;
};
}  // namespace

TEST_CASE("a span that a cache owns is verified by its owner, and by others") {
  for (const Damage& damage : damages) {
    CAPTURE(damage.what);
    Opened<Owning> heap;
    void* blocks[40];
    for (void*& block : blocks) block = heap.allocate(64);
    Span* span = nullptr;
    for (size_t i = 0; i < 40 && span == nullptr; i++) {
      Span& its_span = heap.descriptor(blocks[i]);
      if (its_span.kind == Kind::owned && its_span.has_slot()) span = &its_span;
    }
    REQUIRE(span != nullptr);
    damage.apply(*span);
    CHECK(support::fault_of([&] {
            for (int i = 0; i < 40; i++) support::drop(heap.allocate(64));
            heap.trim();
          }) == of(Fault::damaged_descriptor));
    CHECK(support::fault_address() == span);
  }
}
#endif

// ---- Runs of pages ----

namespace {

// Four runs side by side, of which the second is free.
template <class Config>
struct Runs {
  Runs() {
    for (void*& run : runs) {
      run = heap.pages().allocate(pages);
      REQUIRE(run != nullptr);
    }
    heap.pages().deallocate(runs[1]);
  }
  Span& of(size_t i) { return heap.descriptor(runs[i]); }
  Span& last_of(size_t i) {
    return heap.descriptor(static_cast<char*>(runs[i]) + (pages - 1) * Config::options.page_size);
  }

  static constexpr size_t pages = 2;
  Opened<Config> heap;
  void* runs[4];
};

constexpr Damage damages_of_free_run[] = {
    {"no pages", [](Span& s) { s.pages = 0; }},
    {"more pages", [](Span& s) { s.pages++; }},
    {"far more pages", [](Span& s) { s.pages = 0x40000000; }},
    {"fewer pages", [](Span& s) { s.pages--; }},
    {"more dirty pages than pages", [](Span& s) { s.dirty = s.pages + 1; }},
    {"another list", [](Span& s) { s.list++; }},
    {"another base", [](Span& s) { s.base += 64; }},
    {"next", [](Span& s) { s.next = &s; }},
    {"previous", [](Span& s) { s.previous = &s; }},
};

template <class Config, class Provoke>
void expect_fault_of_run(const Damage& damage, Provoke&& provoke) {
  CAPTURE(damage.what);
  Runs<Config> scene;
  CHECK(inspect(scene.heap).check() == nullptr);
  damage.apply(scene.of(1));
  CHECK(inspect(scene.heap).check() != nullptr);
  CHECK(support::fault_of([&] { provoke(scene); }) == of(Fault::damaged_descriptor));
  // Or of a neighbour, to which it does not fit.
  const void* const at = support::fault_address();
  CHECK((at == &scene.of(0) || at == &scene.of(1) || at == &scene.of(2)));
  CHECK_FALSE(support::WatchedLock::is_held());
}

}  // namespace

TEST_CASE_TEMPLATE("a free run whose descriptor was written to is not taken", C, Radix, Pool,
                   Spans) {
  for (const Damage& damage : damages_of_free_run) {
    expect_fault_of_run<C>(damage, [](Runs<C>& scene) {
      support::drop(scene.heap.pages().allocate(1));  // for which it is the best
    });
  }
}

TEST_CASE_TEMPLATE("nor merged with what comes before or behind it", C, Radix, Pool, Spans) {
  for (const Damage& damage : damages_of_free_run) {
    expect_fault_of_run<C>(damage,
                           [](Runs<C>& scene) { scene.heap.pages().deallocate(scene.runs[0]); });
    expect_fault_of_run<C>(damage,
                           [](Runs<C>& scene) { scene.heap.pages().deallocate(scene.runs[2]); });
    expect_fault_of_run<C>(damage, [](Runs<C>& scene) {
      support::drop(scene.heap.pages().resize(scene.runs[0], Runs<C>::pages + 1));
    });
  }
}

TEST_CASE_TEMPLATE("who walks over runs comes to an end though one has no pages", C, Radix, Spans) {
  Runs<C> scene;
  scene.of(1).pages = 0;
  const size_t alignment = 2 * size_t{C::options.page_size};
  CHECK(scene.heap.pages().allocate(Runs<C>::pages, alignment) != nullptr);
}

TEST_CASE_TEMPLATE("what a free run's last page knows is verified", C, Radix, Pool, Spans) {
  Runs<C> scene;
  scene.last_of(1).next = &scene.of(0);
  CHECK(inspect(scene.heap).check() != nullptr);
  const int fault =
      support::fault_of([&] { support::drop(scene.heap.pages().allocate(Runs<C>::pages)); });
  CHECK(fault == of(Fault::damaged_descriptor));
}

TEST_CASE_TEMPLATE("a run that comes back ends where the next one begins", C, Radix, Pool, Spans) {
  for (const int difference : {-1, 1}) {
    Runs<C> scene;
    Span& span = scene.of(0);
    span.pages = static_cast<uint32_t>(static_cast<int>(span.pages) + difference);
    CHECK(inspect(scene.heap).check() != nullptr);
    CHECK(support::fault_of([&] { scene.heap.pages().deallocate(scene.runs[0]); }) ==
          of(Fault::damaged_descriptor));
    CHECK(support::fault_address() == &span);
    CHECK(support::fault_of([&] { (void)!scene.heap.pages().resize(scene.runs[0], 1); }) ==
          of(Fault::damaged_descriptor));
  }
}

TEST_CASE_TEMPLATE("the list of acquisitions is verified", C, Radix, Spans) {
  for (const bool next : {false, true}) {
    Runs<C> scene;
    Span& first = scene.of(0);
    REQUIRE((first.border & border_begin) != 0);
    (next ? first.next_acquisition : first.previous_acquisition) = &scene.of(2);
    CHECK(support::fault_of([&] { scene.heap.pages().deallocate(scene.runs[0]); }) ==
          of(Fault::damaged_descriptor));
  }
}

TEST_CASE_TEMPLATE("trim looks before it gives back", C, Radix) {
  expect_fault_of_run<C>(damages_of_free_run[7], [](Runs<C>& scene) {
    scene.of(1).dirty = 1;
    scene.heap.trim();
  });
}

TEST_CASE("so does an allocator of pages alone") {
  struct Config : support::Configuration<support::with_checks(support::firmware, Checks::full)> {};
  struct OpenedPages : PageAllocator<Config> {
    Span& descriptor(const void* p) { return *map().find(p); }
  };
  static OpenedPages pages;
  pages.add_region(support::arena, support::arena_bytes);
  void* const run = pages.allocate(2);
  void* const behind = pages.allocate(1);
  pages.deallocate(run);
  pages.descriptor(run).next = &pages.descriptor(run);
  CHECK(support::fault_of([&] { support::drop(pages.allocate(2)); }) ==
        of(Fault::damaged_descriptor));
  CHECK(support::fault_of([&] { pages.deallocate(behind); }) == of(Fault::damaged_descriptor));
}

// ---- Pages around descriptors ----

namespace {

constexpr size_t page = support::small_radix.page_size;

// What there is of the map's first node, in bytes, and the pages around it.
template <class Config>
size_t bytes_of_node(Opened<Config>& heap) {
  return inspect(heap).stats().metadata_bytes - 2 * page;
}

template <class Config>
bool is_fenced(Opened<Config>& heap) {
  // Of the leaf's first page: where the node begins.
  const char* const node = reinterpret_cast<char*>(&heap.descriptor(support::arena));
  const char* const behind = node + bytes_of_node(heap);
  return support::holds_only(node - page, page, FencedPages::fence) &&
         support::holds_only(behind, page, FencedPages::fence);
}

}  // namespace

TEST_CASE("descriptors lie between pages that nobody can touch") {
  Opened<Fenced> heap;
  void* const block = heap.allocate(100);
  REQUIRE(block != nullptr);
  CHECK(is_fenced(heap));
  CHECK(heap.source().held_bytes() ==
        inspect(heap).stats().metadata_bytes + inspect(heap).stats().acquired_bytes);
  heap.deallocate(block);
  heap.trim();
  CHECK(is_fenced(heap));
  CHECK(heap.source().complaint() == nullptr);
  CHECK(inspect(heap).check() == nullptr);
}

TEST_CASE("with other checks they do not") {
  Opened<FencedBasic> heap;
  REQUIRE(heap.allocate(100) != nullptr);
  for (size_t at = 0; at < support::arena_bytes; at += page) {
    CHECK_FALSE(support::holds_only(support::arena + at, page, FencedPages::fence));
  }
}

TEST_CASE("where there is no memory for such pages, or no protection, they go without") {
  Opened<Fenced> first;
  first.source().fail_once_after(1);  // the pages; then the node
  REQUIRE(first.allocate(100) != nullptr);
  CHECK(first.source().acquisitions() == 2);
  const size_t bare = inspect(first).stats().metadata_bytes;
  CHECK(inspect(first).check() == nullptr);

  Opened<Fenced> second;
  second.source().refuse_to_protect();
  REQUIRE(second.allocate(100) != nullptr);
  CHECK(inspect(second).stats().metadata_bytes == bare + 2 * page);
  CHECK(inspect(second).check() == nullptr);
}
