// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/cached_heap.hpp: what caches change for one thread. The rest of its promises are Heap's, and
// tested by the same tests.
#include "rsb/cached_inspector.hpp"

#include "support/test.hpp"
#include "support/worlds.hpp"

using namespace rsb;
using support::of;
using support::World;

namespace {

constexpr size_t budget = support::SmallRadix::caches.bytes;

template <class C>
constexpr size_t span_of = C::options.span_size;

// Allocates and releases `count` blocks of `size` bytes, several times: their magazine grows.
template <class W>
void exercise(W& w, size_t size, size_t count) {
  void* blocks[64];
  for (int round = 0; round < 8; round++) {
    for (size_t i = 0; i < count; i++) blocks[i] = w.heap.allocate(size);
    while (count != 0 && blocks[count - 1] == nullptr) count--;
    for (size_t i = 0; i < count; i++) w.heap.deallocate(blocks[i]);
  }
}

// A lock that knows its holder: there is one thread.
struct KnowingLock {
  void lock() noexcept { held = true; }
  void unlock() noexcept { held = false; }
  bool is_held_by_this_thread() const noexcept { return held; }
  bool held = false;
};

// Asks the heap, each time that it asks for the seat, what a signal handler would ask it there.
struct AskingSeats : OneSeat {
  using SetLock = KnowingLock;
  Seat& mine() noexcept {
    if (bool (*const now)() = ask) {
      ask = nullptr;
      if (now()) said_yes++;
      ask = now;
    }
    return seat;
  }
  static inline Seat seat;
  static inline bool (*ask)() = nullptr;
  static inline int said_yes = 0;
};

struct Knowing : support::SmallRadix {
  using Lock = KnowingLock;
  using Seats = AskingSeats;
};
CachedHeap<Knowing>* knowing;

// The lock of the set: something else happens when it is taken next, once it can.
struct AwaitedLock {
  void lock() noexcept {
    bool (*const f)() = before;
    before = nullptr;
    if (f != nullptr && !f()) before = f;
  }
  void unlock() noexcept {}
  static inline bool (*before)() = nullptr;
};

struct Awaited : support::Firmware {
  struct Seats : OneSeat {
    using SetLock = AwaitedLock;
  };
};

}  // namespace

TEST_CASE("a magazine is a stack, and holds as many slots as its capacity") {
  void* nothing = nullptr;
  void* room[6];
  char slots[4];
  void **top, **limit;
  MagazineRest rest;
  const Magazine m(top, limit, rest);
  m.begin(&nothing);
  CHECK(m.pop() == nullptr);
  CHECK_FALSE(m.push(&slots[0]));
  m.place(room);
  CHECK(m.pop() == nullptr);
  CHECK_FALSE(m.push(&slots[0]));
  m.set_capacity(3);
  CHECK(m.push(&slots[0]));
  CHECK(m.push(&slots[1]));
  CHECK(m.push(&slots[2]));
  CHECK_FALSE(m.push(&slots[3]));
  CHECK(m.is_full());
  CHECK(m.has_among_last(2, &slots[1]));
  CHECK_FALSE(m.has_among_last(2, &slots[0]));
  CHECK(m.has_among_last(4, &slots[0]));
  CHECK_FALSE(m.has_among_last(4, &slots[3]));
  void* out[2];
  CHECK(m.take(out, 2) == 2);
  CHECK(out[0] == &slots[1]);
  CHECK(out[1] == &slots[2]);
  CHECK(m.put(out, 2) == 2);
  CHECK(m.put(out, 2) == 0);  // there is room for no more
  CHECK(m.pop() == &slots[1]);
  CHECK(m.pop() == &slots[2]);
  CHECK(m.pop() == &slots[0]);
  CHECK(m.pop() == nullptr);
  CHECK(m.take(out, 2) == 0);
}

TEST_CASE("a budget is given out once") {
  CacheBudget b;
  CHECK(b.take(1) == 0);
  b.give(10);
  CHECK(b.take(4) == 4);
  CHECK(b.take(10) == 6);
  CHECK(b.take(1) == 0);
}

TEST_CASE_TEMPLATE("a released block is the next of its class, and takes no lock", C,
                   SUPPORT_WORLDS) {
  World<C> w;
  void* const block = w.heap.allocate(24);
  w.heap.deallocate(block);
  const unsigned before = support::WatchedLock::times_taken();
  CHECK(w.heap.allocate(24) == block);
  w.heap.deallocate(block);
  CHECK(support::WatchedLock::times_taken() == before);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("what lies in a cache is not live, and is within the budget", C,
                   SUPPORT_WORLDS) {
  World<C> w;
  for (size_t size = 8; size <= span_of<C>; size += size / 2) {
    exercise(w, size, 20);
    const Stats s = w.stats();
    CHECK(s.live_blocks == 0);
    CHECK(s.live_bytes == 0);
    CHECK(s.cached_bytes <= C::caches.bytes);
    if (size <= C::caches.bytes) CHECK(s.cached_blocks != 0);
    size_t live = 0;
    for (size_t bin = 0; bin < s.bins; bin++) live += inspect(w.heap).bin_stats(bin).live;
    CHECK(live == 0);
  }
  inspect(w.heap).walk([](void*, size_t) {
    FAIL_CHECK("nothing is live");
    return true;
  });
  CHECK_SOUND(w);
  CHECK(w.stats().cached_blocks == 0);
}

TEST_CASE("a magazine grows until it absorbs what a program allocates and releases") {
  World<support::SmallRadix> w;
  exercise(w, 16, 20);
  const unsigned before = support::WatchedLock::times_taken();
  exercise(w, 16, 20);
  CHECK(support::WatchedLock::times_taken() == before);
}

TEST_CASE("a magazine that only passes blocks through does not grow") {
  World<support::SmallRadix> w;
  void* blocks[500];
  for (void*& block : blocks) block = w.heap.allocate(16);
  CHECK(w.stats().cached_blocks < 8);
  for (void* block : blocks) w.heap.deallocate(block);
  CHECK(w.stats().cached_blocks <= 16);
  CHECK_SOUND(w);
}

TEST_CASE("other classes give up their room for the one that is in use") {
  World<support::SmallRadix> w;
  for (const size_t size : {size_t{48}, size_t{64}, size_t{80}}) exercise(w, size, 30);
  exercise(w, 16, 20);
  const unsigned before = support::WatchedLock::times_taken();
  exercise(w, 16, 20);
  CHECK(support::WatchedLock::times_taken() == before);
  CHECK(w.stats().cached_bytes <= budget);
  CHECK_SOUND(w);
}

TEST_CASE("each cache has a share of its own, whatever others have borrowed") {
  using Classes = SizeClasses<support::small_radix>;
  using C = Cache<Classes, support::SmallRadix::caches, support::SmallRadix::options.page_size>;
  constexpr SizeClass c = Classes::of(64);
  static C cache;
  static void* out[8];
  CacheBudget none;
  cache.begin();
  CHECK(cache.granted() == C::own_share);
  cache.found_empty(c, none, out);
  CHECK(cache.magazine(c).capacity() != 0);
  CHECK(cache.borrowed() == 0);
  CacheBudget some;
  some.give(C::common_share(1));
  for (int i = 0; i < 6; i++) {
    cache.found_full(c, some, out);
    cache.found_empty(c, some, out);
  }
  CHECK(cache.magazine(c).capacity() == C::most(c));
  CHECK(cache.borrowed() != 0);
  cache.begin();
  CHECK(cache.borrowed() == 0);
}

TEST_CASE_TEMPLATE("trimming empties the caches", C, SUPPORT_WORLDS) {
  World<C> w;
  exercise(w, 16, 20);
  CHECK(w.stats().cached_blocks != 0);
  w.heap.trim();
  CHECK(w.stats().cached_blocks == 0);
  CHECK(w.stats().used_bytes == 0);
  CHECK_SOUND(w);
}

TEST_CASE("what lies in a cache is refused as a free block wherever it lies there") {
  World<support::SmallRadix> w;
  void* const keep = w.heap.allocate(16);
  void* const block = w.heap.allocate(16);
  void* const other = w.heap.allocate(16);
  w.heap.deallocate(block);
  w.heap.deallocate(other);
  CHECK(support::fault_of([&] { w.heap.deallocate(block); }) == of(Fault::double_free));
  CHECK(support::fault_address() == block);
  CHECK(support::fault_of([&] { support::drop(w.heap.reallocate(block, 100)); }) ==
        of(Fault::double_free));
  CHECK(support::fault_of([&] { support::drop(w.heap.usable_size(block)); }) ==
        of(Fault::double_free));
  CHECK_FALSE(support::WatchedLock::is_held());
  w.heap.deallocate(keep);
  CHECK_SOUND(w);
}

TEST_CASE("a second release of four bytes is caught while the first is among the last sixteen") {
  World<support::SmallRadix> w;
  void* blocks[Span::recent];
  for (void*& block : blocks) block = w.heap.allocate(4, 4);
  for (void* const block : blocks) w.heap.deallocate(block);
  CHECK(support::fault_of([&] { w.heap.deallocate(blocks[0]); }) == of(Fault::double_free));
  CHECK(support::fault_of([&] { support::drop(w.heap.usable_size(blocks[0])); }) ==
        of(Fault::double_free));
  CHECK_SOUND(w);
}

TEST_CASE("a write into a block that lies in a cache is caught when the block is handed out") {
  World<support::SmallRadix> w;
  for (const size_t size : {4, 8, 24}) {
    const auto allocate = [&] { return w.heap.allocate(size, size == 4 ? 4 : 8); };
    for (size_t bit = 0; bit < (size == 4 ? 16 : 64); bit++) {  // of four bytes, `next` is checked
      char* const block = static_cast<char*>(allocate());
      w.heap.deallocate(block);
      const auto flip = [&] {
        block[bit / 8] = static_cast<char>(block[bit / 8] ^ (1 << bit % 8));
      };
      flip();
      CHECK(support::fault_of([&] { support::drop(allocate()); }) == of(Fault::overwritten_link));
      CHECK(support::fault_address() == block);
      CHECK(inspect(w.heap).check() != nullptr);
      flip();
      CHECK_SOUND(w);  // empties the cache
    }
    char* const block = static_cast<char*>(allocate());
    char before[24];
    w.heap.deallocate(block);
    __builtin_memcpy(before, block, size);
    __builtin_memset(block, 0, size);
    CHECK(support::fault_of([&] { support::drop(allocate()); }) == of(Fault::overwritten_link));
    __builtin_memcpy(block, before, size);
  }
}

TEST_CASE("a write into a block that lies in a cache is caught when it comes back to the heap") {
  World<support::SmallRadix> w;
  char* const a = static_cast<char*>(w.heap.allocate(16));
  void* const b = w.heap.allocate(16);
  w.heap.deallocate(a);
  w.heap.deallocate(b);
  a[3] ^= 1;
  CHECK(support::fault_of([&] { w.heap.trim(); }) == of(Fault::overwritten_link));
  CHECK(support::fault_address() == a);
  CHECK_FALSE(support::WatchedLock::is_held());
  CHECK(w.stats().live_blocks == 1);  // all the others have come back
}

TEST_CASE("check finds a write into a block that lies in a cache") {
  World<support::SmallRadix> w;
  char* const block = static_cast<char*>(w.heap.allocate(16));
  w.heap.deallocate(block);
  block[5] ^= 1;
  CHECK(inspect(w.heap).check() != nullptr);
  CHECK(w.stats().live_blocks == 0);
  block[5] ^= 1;
  CHECK_SOUND(w);
}

TEST_CASE(
    "a block of four bytes that was released twice is caught when it comes back to the heap") {
  World<support::SmallRadix> w;
  void* blocks[Span::recent + 1];
  for (int round = 0; round < 8; round++) {  // until its magazine holds them all
    for (void*& block : blocks) block = w.heap.allocate(4, 4);
    for (void* const block : blocks) w.heap.deallocate(block);
  }
  w.heap.deallocate(blocks[0]);  // too long ago to be seen now
  CHECK(support::fault_of([&] { w.heap.trim(); }) == of(Fault::double_free));
  CHECK(support::fault_address() == blocks[0]);
}

TEST_CASE("a block that the heap has back is refused at once") {
  World<support::SmallRadix> w;
  void* const keep = w.heap.allocate(16);
  void* const block = w.heap.allocate(16);
  w.heap.deallocate(block);
  CHECK_SOUND(w);  // empties the caches
  CHECK(support::fault_of([&] { w.heap.deallocate(block); }) == of(Fault::double_free));
  w.heap.deallocate(keep);
}

TEST_CASE_TEMPLATE("wrong pointers and sizes are refused before anything is cached", C,
                   SUPPORT_CHECKED_WORLDS) {
  World<C> w;
  char* const block = static_cast<char*>(w.heap.allocate(64));
  int local = 0;
  const auto fault_of_free = [&](void* p) {
    return support::fault_of([&] { w.heap.deallocate(p); });
  };
  CHECK(fault_of_free(block + 1) == of(Fault::misaligned_pointer));
  CHECK(fault_of_free(block + 4) == of(Fault::interior_pointer));
  CHECK(fault_of_free(&local) == of(Fault::foreign_pointer));
  CHECK(support::fault_of([&] { w.heap.deallocate(block, 8); }) == of(Fault::size_mismatch));
  CHECK(w.stats().live_blocks == 1);
  w.heap.deallocate(block, 64);
  CHECK_SOUND(w);
}

TEST_CASE_TEMPLATE("an allocation fails only when nothing lies in caches", C, SUPPORT_WORLDS) {
  World<C> w;
  exercise(w, 16, 30);
  exercise(w, 40, 30);
  void* first = nullptr;
  while (void* const block = w.heap.allocate(sizeof(void*))) {
    *static_cast<void**>(block) = first;
    first = block;
  }
  CHECK(w.stats().cached_blocks == 0);
  CHECK(w.stats().failures == 1);
  while (first != nullptr) {
    void* const block = first;
    first = *static_cast<void**>(block);
    w.heap.deallocate(block);
  }
  CHECK_SOUND(w);
}

TEST_CASE("what the out-of-memory handler releases meets the request that asked it") {
  static World<support::SmallRadix>* world;
  static void* spare;
  World<support::SmallRadix> w;
  world = &w;
  spare = w.heap.allocate(16);
  while (w.heap.allocate(16) != nullptr) {
  }
  w.heap.set_out_of_memory_handler([](size_t) {
    if (spare == nullptr) return 0;
    world->heap.deallocate(spare);
    spare = nullptr;
    return 1;
  });
  CHECK(w.heap.allocate(16) != nullptr);
  CHECK(w.heap.allocate(16) == nullptr);
}

TEST_CASE("nothing of a region that is being taken out is handed out again") {
  World<support::Firmware> w(support::arena_bytes / 2);
  char* const base = support::arena + support::arena_bytes / 2;
  REQUIRE(w.add_region(base, support::arena_bytes / 2) != 0);
  void* blocks[2000];
  size_t inside = 0;
  void* last = nullptr;
  for (void*& block : blocks) {
    block = w.heap.allocate(100);
    if (bytes_from(base, block) < support::arena_bytes / 2) {
      inside++;
      last = block;
    }
  }
  REQUIRE(inside > 1);
  CHECK(w.remove_region(base, support::arena_bytes / 2) == 0);
  for (void* block : blocks) {
    if (block != last) w.heap.deallocate(block);
  }
  for (int i = 0; i < 100; i++) {
    void* const block = w.heap.allocate(100);
    CHECK(bytes_from(base, block) >= support::arena_bytes / 2);
    w.heap.deallocate(block);
  }
  CHECK(w.stats().cached_blocks == 0);
  w.heap.deallocate(last);
  CHECK(w.remove_region(base, support::arena_bytes / 2) != 0);
  // Caches are granted again, as soon as the thread asks.
  exercise(w, 16, 60);
  CHECK(w.stats().cached_blocks != 0);
  CHECK_SOUND(w);
}

TEST_CASE("no cache is granted for a region that is gone while another is being taken out") {
  constexpr size_t quarter = support::arena_bytes / 4;
  static World<Awaited>* world;
  static char* const first = support::arena + 2 * quarter;
  static char* const second = first + quarter;
  World<Awaited> w(2 * quarter);
  world = &w;
  REQUIRE(w.add_region(first, quarter) != 0);
  REQUIRE(w.add_region(second, quarter) != 0);
  void* blocks[2000];
  static void* in_first = nullptr;
  void* last = nullptr;
  for (void*& block : blocks) {
    block = w.heap.allocate(100);
    if (bytes_from(first, block) < quarter) in_first = block;
    if (bytes_from(second, block) < quarter) last = block;
  }
  REQUIRE(in_first != nullptr);
  REQUIRE(last != nullptr);
  for (void* block : blocks) {
    if (block != last) w.heap.deallocate(block);
  }
  AwaitedLock::before = [] {
    if (world->heap.may_own(in_first)) return false;  // not gone yet
    CHECK(world->remove_region(second, quarter) == 0);
    return true;
  };
  CHECK(w.remove_region(first, quarter) != 0);
  CHECK((AwaitedLock::before == nullptr));
  exercise(w, 16, 60);
  CHECK(w.stats().cached_blocks == 0);
  w.heap.deallocate(last);
  CHECK(w.remove_region(second, quarter) != 0);
  exercise(w, 16, 60);
  CHECK(w.stats().cached_blocks != 0);
  CHECK_SOUND(w);
}

TEST_CASE("a heap knows whether the thread is inside a call of it") {
  World<Knowing> w;
  knowing = &w.heap;
  CHECK_FALSE(knowing->is_inside_call());
  AskingSeats::ask = [] { return knowing->is_inside_call(); };
  void* const block = knowing->allocate(16);  // claims a cache
  AskingSeats::ask = nullptr;
  REQUIRE(block != nullptr);
  CHECK(AskingSeats::said_yes != 0);  // under the lock of the set
  CHECK_FALSE(knowing->is_inside_call());

  knowing->lock().lock();
  CHECK(knowing->is_inside_call());
  knowing->lock().unlock();
  CHECK_FALSE(knowing->is_inside_call());

  AskingSeats::seat.enter<AskingSeats>();
  CHECK(knowing->is_inside_call());
  AskingSeats::seat.stop();  // as a handler does that forks
  CHECK(knowing->is_inside_call());
  AskingSeats::seat.go_on();
  AskingSeats::seat.leave();
  CHECK_FALSE(knowing->is_inside_call());
  knowing->deallocate(block);
}
