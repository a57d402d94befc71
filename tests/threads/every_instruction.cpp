// SPDX-License-Identifier: MIT OR Apache-2.0
// A handler that allocates and releases without waiting, after each instruction of each call of a
// small heap: the call is made twice from the same state, and interrupted after every second
// instruction, as long as there are blocks. A fault in the handler ends the program.
#include <signal.h>
#include <string.h>
#include <ucontext.h>

#include <new>

#include "rsb/small_inspector.hpp"
#include "support/bytes.hpp"
#include "support/test.hpp"
#include "support/trap_flag.hpp"
#include "support/watched_lock.hpp"

using namespace rsb;

namespace {

template <bool words>
struct Config {
  using Lock = support::WatchedLock;
  static constexpr SmallOptions options{
      .words = words, .largest_region = 64 * KiB, .deferred_batch = 2, .statistics = true};
};
using Table = Config<false>;
using Words = Config<true>;

constexpr size_t most_blocks = 200;
constexpr long stride = 2;

struct Block {
  char* p;
  size_t bytes;
  unsigned char seed;
};

// All that a call changes. It is copied as bytes: everything that points into it stays there.
template <class Config>
struct World {
  alignas(16) char first[12 * KiB];
  alignas(16) char later[6 * KiB];
  size_t later_bytes;
  alignas(SmallHeap<Config>) char heap[sizeof(SmallHeap<Config>)];
  Block blocks[most_blocks];
  size_t count;
};
template <class Config>
constinit World<Config> world{};
template <class Config>
constinit World<Config> saved{};

template <class Config>
SmallHeap<Config>& heap() {
  return *std::launder(reinterpret_cast<SmallHeap<Config>*>(world<Config>.heap));
}

// The handler releases these blocks, one each time that it acts, and allocates others.
long instructions;  // until it acts next; below 0: it is not called
void (*act)() noexcept;
char* victims[most_blocks];
size_t most_acts, acts;
char* allocated[most_blocks];
size_t allocations;
long acts_with_lock, allocations_with_lock;

template <class Config>
void release_and_allocate() noexcept {
  const bool is_held = support::WatchedLock::is_held();
  heap<Config>().deallocate_nowait(victims[acts++]);
  auto* const block = static_cast<char*>(heap<Config>().allocate_nowait(40));
  acts_with_lock += is_held;
  if (block == nullptr) return;
  allocations_with_lock += is_held;
  memset(block, 0xff, 40);
  allocated[allocations++] = block;
}

void step(int, siginfo_t*, void* context) noexcept {
  if (instructions-- != 0) return;
  instructions = stride - 1;
  if (acts < most_acts) return act();
  // What the call still has to do is to take over what it was given.
  auto& flags = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL];
  flags &= ~greg_t{0x100};
}

enum class Call {
  allocate,
  allocate_aligned,
  deallocate,
  reallocate,
  extend,
  shrink,
  nowait,
  trim
};

// One call, the same whenever it is made from the same state.
struct Request {
  Call call;
  size_t block;  // which one it is about
  size_t size;
};

template <class Config>
[[gnu::noinline]] void* make(const Request& request, char* block) noexcept {
  SmallHeap<Config>& its_heap = heap<Config>();
  World<Config>& its_world = world<Config>;
  void* result = nullptr;
  if (instructions >= 0) support::set_trap_flag();
  switch (request.call) {
    case Call::allocate:
      result = its_heap.allocate(request.size);
      break;
    case Call::allocate_aligned:
      result = its_heap.allocate(request.size, 64);
      break;
    case Call::deallocate:
      its_heap.deallocate(block);
      break;
    case Call::reallocate:
      result = its_heap.reallocate(block, request.size);
      break;
    case Call::extend:
      its_world.later_bytes +=
          its_heap.extend_region(its_world.later, request.size) != 0 ? request.size : 0;
      break;
    case Call::shrink:
      its_world.later_bytes -= its_heap.shrink_region(its_world.later, 64);
      break;
    case Call::nowait:
      its_heap.deallocate_nowait(block);
      result = its_heap.allocate_nowait(request.size);
      break;
    case Call::trim:
      support::drop(its_heap.trim());
      break;
  }
  support::clear_trap_flag();
  return result;
}

bool takes_block(Call call) {
  return call == Call::deallocate || call == Call::reallocate || call == Call::nowait;
}

template <class Config>
void add(char* p, size_t bytes) {
  if (p == nullptr) return;
  World<Config>& w = world<Config>;
  Block& block = w.blocks[w.count++];
  block = {p, bytes, static_cast<unsigned char>(w.count * 37)};
  support::fill_pattern(p, bytes, block.seed);
}

template <class Config>
void forget(const char* p) {
  World<Config>& w = world<Config>;
  for (size_t i = 0; i < w.count; i++) {
    if (w.blocks[i].p == p) w.blocks[i--] = w.blocks[--w.count];
  }
}

// Makes the call, interrupted or not, and keeps account of the blocks.
template <class Config>
void make_and_account(const Request& request) {
  const Block about = takes_block(request.call) ? world<Config>.blocks[request.block] : Block{};
  acts = allocations = 0;
  void* const result = make<Config>(request, about.p);
  for (size_t i = 0; i < acts; i++) forget<Config>(victims[i]);
  if (request.call == Call::reallocate) {
    const size_t kept = smaller(about.bytes, request.size);
    CHECK(support::holds_pattern(result != nullptr ? result : about.p, kept, about.seed));
  }
  if (about.p != nullptr && (request.call != Call::reallocate || result != nullptr)) {
    forget<Config>(about.p);
  }
  bool are_intact = true;
  for (size_t i = 0; i < allocations; i++) {
    are_intact &= support::holds_only(allocated[i], 40, 0xff);
    add<Config>(allocated[i], 40);
  }
  CHECK(are_intact);
  add<Config>(static_cast<char*>(result), request.size);
}

template <class Config>
void expect_sound() {
  const World<Config>& w = world<Config>;
  bool are_intact = true;
  for (size_t i = 0; i < w.count; i++) {
    are_intact &= support::holds_pattern(w.blocks[i].p, w.blocks[i].bytes, w.blocks[i].seed);
  }
  CHECK(are_intact);
  CHECK(!support::WatchedLock::is_held());
  CHECK(inspect(heap<Config>()).check() == nullptr);
  support::drop(heap<Config>().trim());
  CHECK(inspect(heap<Config>()).check() == nullptr);
  const SmallStats stats = inspect(heap<Config>()).stats();
  CHECK(stats.live_blocks == w.count);
  CHECK(stats.deferred_blocks == 0);
}

// Mostly small ones, which share words of the table, and some that cover whole ones.
size_t some_size(support::Random& random) {
  switch (random.below(8)) {
    case 0:
      return 500 + random.below(900);
    case 1:
      return random.below(300);
    default:
      return random.below(50);
  }
}

Request some_request(support::Random& random, size_t blocks) {
  auto call = static_cast<Call>(random.below(size_t{1} + static_cast<size_t>(Call::trim)));
  if (blocks < 120) call = Call::allocate;
  if (blocks > most_blocks - 4) call = Call::deallocate;
  const bool is_of_region = call == Call::extend || call == Call::shrink;
  const size_t size = is_of_region ? 64 + random.below(900) : some_size(random);
  return {call, blocks == 0 ? 0 : random.below(blocks), size};
}

// All blocks but the one that the call is about, in any order.
template <class Config>
void choose_victims(support::Random& random, const Request& request) {
  const World<Config>& w = world<Config>;
  most_acts = 0;
  for (size_t i = 0; i < w.count; i++) {
    if (takes_block(request.call) && i == request.block) continue;
    const size_t at = random.below(++most_acts);
    victims[most_acts - 1] = victims[at];
    victims[at] = w.blocks[i].p;
  }
}

}  // namespace

TEST_CASE_TEMPLATE("after any instruction of any call a handler may release and allocate", Config,
                   Table, Words) {
  struct sigaction action {};
  action.sa_sigaction = step;
  action.sa_flags = SA_SIGINFO;
  REQUIRE(sigaction(SIGTRAP, &action, nullptr) == 0);

  World<Config>& w = world<Config>;
  new (w.heap) SmallHeap<Config>;
  w.later_bytes = 2 * KiB;
  REQUIRE(heap<Config>().add_region(w.first, sizeof w.first) != 0);
  REQUIRE(heap<Config>().add_region(w.later, w.later_bytes, 4 * KiB) != 0);
  act = release_and_allocate<Config>;

  support::Random random(5);
  acts_with_lock = allocations_with_lock = 0;
  long all_acts = 0, all_allocations = 0;
  for (int call = 0; call < 350; call++) {
    const Request request = some_request(random, w.count);
    if (request.call == Call::extend && w.later_bytes + request.size > sizeof w.later) continue;
    memcpy(&saved<Config>, &w, sizeof w);
    for (long begin = 0; begin < stride && call >= 150; begin++) {  // before, the pool fills
      choose_victims<Config>(random, request);
      instructions = begin;
      make_and_account<Config>(request);
      expect_sound<Config>();
      all_acts += static_cast<long>(acts);
      all_allocations += static_cast<long>(allocations);
      memcpy(static_cast<void*>(&w), &saved<Config>, sizeof w);
    }
    instructions = -1;
    make_and_account<Config>(request);
    expect_sound<Config>();
  }
  MESSAGE(all_acts, " acts, ", acts_with_lock, " with the lock held; ", all_allocations, " blocks");
  CHECK(acts_with_lock > 5'000);
  CHECK(all_allocations > 100);
  CHECK(allocations_with_lock == 0);
  struct sigaction none {};
  none.sa_handler = SIG_DFL;
  sigaction(SIGTRAP, &none, nullptr);
}
