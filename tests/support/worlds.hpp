// SPDX-License-Identifier: MIT OR Apache-2.0
// The heaps that the tests run on: small ones, so that 256 KiB of pages cross every limit, in all
// the shapes that the options allow.
#pragma once

#ifdef RSB_TEST_CACHES
#include "rsb/cached_inspector.hpp"
#else
#include "rsb/inspector.hpp"
#endif
#include "support/scripted_pages.hpp"
#include "support/watched_lock.hpp"

namespace support {

using rsb::Checks;
using rsb::KiB;
using rsb::Map;
using rsb::Options;

#ifdef RSB_TEST_CACHES
// Of few slots, and no spans; and such that own spans.
inline constexpr rsb::CacheOptions little{
    .bytes = 2 * KiB, .most_bytes = 2 * KiB, .magazine = 32, .batch = 8, .batch_bytes = 512};
inline constexpr rsb::CacheOptions with_spans{
    .bytes = 32 * KiB, .most_bytes = 32 * KiB, .magazine = 8, .batch = 4, .batch_bytes = 512};
#endif

template <Options chosen, class Source = ScriptedPages>
struct Configuration {
  using Pages = Source;
  using Lock = WatchedLock;
  static constexpr Options options = chosen;
#ifdef RSB_TEST_CACHES
  using Seats = rsb::OneSeat;
  static constexpr rsb::CacheOptions caches = little;
#endif
};

// The heap under test: the same tests are compiled for both.
#ifdef RSB_TEST_CACHES
inline constexpr bool has_caches = true;
template <class Config>
using TheHeap = rsb::CachedHeap<Config>;
#else
inline constexpr bool has_caches = false;
template <class Config>
using TheHeap = rsb::Heap<Config>;
#endif

constexpr Options with_checks(Options o, Checks checks) {
  o.checks = checks;
  return o;
}

// As on Linux, but everything is small: pages of 1 KiB, acquisitions of 32. Addresses agree
// above their 26th bit, since all are in the arena.
inline constexpr Options small_radix{
    .page_size = 1 * KiB,
    .span_size = 1 * KiB,
    .acquire_size = 32 * KiB,
    .acquire_alignment = 8 * KiB,
    .keep_free = 64 * KiB,
    .discard_size = 4 * KiB,
    .address_bits = 26,
    .radix_leaf_bits = 6,
    .radix_inner_bits = 0,
};

// A map of three levels, as for 48 bits with small nodes; a leaf covers 16 KiB, less than an
// acquisition.
inline constexpr Options three_levels{
    .page_size = 1 * KiB,
    .span_size = 1 * KiB,
    .acquire_size = 32 * KiB,
    .acquire_alignment = 8 * KiB,
    .keep_free = 64 * KiB,
    .discard_size = 4 * KiB,
    .address_bits = 26,
    .radix_leaf_bits = 4,
    .radix_inner_bits = 5,
};

// As in a kernel: spans of four pages, and no bin whose slots have a span each.
inline constexpr Options multi_page_spans{
    .page_size = 4 * KiB,
    .span_size = 16 * KiB,
    .largest_bin = 8 * KiB,
    .acquire_size = 32 * KiB,
    .acquire_alignment = 4 * KiB,
    .keep_free = 64 * KiB,
    .discard_size = 8 * KiB,
    .address_bits = 28,
    .radix_leaf_bits = 4,
    .radix_inner_bits = 4,
};

// As in firmware: a pool, pages of 256 bytes, spans of 1 KiB.
inline constexpr Options firmware{
    .page_size = 256,
    .span_size = 1 * KiB,
    .acquire_size = 1 * KiB,
    .acquire_alignment = 256,
    .discard_size = 256,
    .map = Map::flat,
};

// The least there can be of everything.
inline constexpr Options smallest{
    .page_size = 64,
    .span_size = 256,
    .acquire_size = 256,
    .acquire_alignment = 64,
    .discard_size = 64,
    .map = Map::flat,
};

// The largest spans.
inline constexpr Options largest{
    .page_size = 64 * KiB,
    .span_size = 64 * KiB,
    .acquire_size = 64 * KiB,
    .acquire_alignment = 64 * KiB,
    .discard_size = 64 * KiB,
    .map = Map::flat,
};

// Whether the heap's caches own spans.
template <class Config>
inline constexpr bool owns_spans = [] {
  if constexpr (has_caches) return Config::caches.bytes / 4 >= 8 * Config::options.span_size;
  return false;
}();

struct SmallRadix : Configuration<small_radix, ZeroedPages> {};
struct ThreeLevels : Configuration<three_levels> {
#ifdef RSB_TEST_CACHES
  static constexpr rsb::CacheOptions caches = with_spans;
#endif
};
struct MultiPageSpans : Configuration<multi_page_spans, ZeroedPages> {};
struct Firmware : Configuration<firmware> {};
struct Smallest : Configuration<smallest> {};
struct Largest : Configuration<largest> {};
struct Unchecked : Configuration<with_checks(three_levels, Checks::off), ZeroedPages> {
#ifdef RSB_TEST_CACHES
  static constexpr rsb::CacheOptions caches = with_spans;
#endif
};
struct UncheckedFirmware : Configuration<with_checks(firmware, Checks::off)> {};

// What TEST_CASE_TEMPLATE runs through.
#define SUPPORT_WORLDS                                                                   \
  support::SmallRadix, support::ThreeLevels, support::MultiPageSpans, support::Firmware, \
      support::Smallest, support::Largest, support::Unchecked, support::UncheckedFirmware
#define SUPPORT_CHECKED_WORLDS                                                           \
  support::SmallRadix, support::ThreeLevels, support::MultiPageSpans, support::Firmware, \
      support::Smallest, support::Largest
#define SUPPORT_UNCHECKED_WORLDS support::Unchecked, support::UncheckedFirmware
// Those whose pages come from a source, and are not handed over by address.
#define SUPPORT_SOURCE_WORLDS \
  support::SmallRadix, support::ThreeLevels, support::MultiPageSpans, support::Unchecked

// The memory that pages come from: one test at a time uses it.
inline constexpr size_t arena_bytes = 256 * KiB;
// Aligned, so that every run sees the same.
#if defined(_WIN32)
inline char arena_space[2 * arena_bytes];  // object files know no alignment above 8 KiB there
inline char* const arena = rsb::align_up(arena_space, arena_bytes);
#else
alignas(arena_bytes) inline char arena[arena_bytes];
#endif

// The end of a test in which a call of the page source has failed: nothing does any more, and all
// blocks are released that are live still. Then nothing is lost, and later calls succeed.
template <class World>
[[gnu::noinline]] void settle(World& w) {
  constexpr size_t most = 512;
  const auto expect_sound = [&] {
    if (const char* const sentence = w.problem()) failing_call.complain(sentence);
  };
  expect_sound();
  w.recover();
  w.heap.trim();  // what waits to be free is no live block then
  for (;;) {
    void* blocks[most];
    size_t count = 0;
    rsb::inspect(w.heap).walk([&](void* block, size_t) {
      blocks[count++] = block;
      return count != most;
    });
    if (count == 0) break;
    while (count != 0) w.heap.deallocate(blocks[--count]);
  }
  expect_sound();
  w.heap.trim();
  expect_sound();
  const rsb::Stats stats = rsb::inspect(w.heap).stats();
  if (stats.live_blocks != 0) failing_call.complain("what was released is live");
  void* const later = w.heap.allocate(16);
  const bool succeeds = later != nullptr;
  w.heap.deallocate(later);
  w.heap.trim();
  expect_sound();
  if (!succeeds && w.must_serve()) failing_call.complain("a later call does not succeed");
}

// A heap with nothing behind it but the arena, full of dirt. At its end nothing may be wrong with
// it.
template <class Config>
class World {
 public:
  static constexpr Options options = Config::options;
  static constexpr size_t page = options.page_size;
  static constexpr bool is_pool = options.map == Map::flat;

  World() noexcept : World(arena_bytes) {}

  ~World() {
    if (failing_call.is_on() && !is_broken_) settle(*this);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  // With less memory.
  explicit World(size_t bytes) noexcept : bytes_(bytes) {
    __builtin_memset(arena, dirt, arena_bytes);
    if constexpr (is_pool) {
      add_region(arena, bytes);
    } else {
      source().serve_from(arena, bytes);
    }
  }

  // Hands over more; the bytes are as if the source had given them.
  size_t add_region(void* base, size_t bytes) noexcept {
    const size_t before = stats().acquired_bytes;
    const size_t got = heap.add_region(base, bytes);
    given_ += stats().acquired_bytes - before;  // nothing, if the region was on its way out
    return got;
  }

  size_t remove_region(void* base, size_t bytes) noexcept {
    const size_t got = heap.remove_region(base, bytes);
    given_ -= got;
    return got;
  }

  auto& source() noexcept { return heap.pages().source(); }

  // Null, or what is wrong: with the heap, with how it uses its source, or with what it says of it.
  const char* problem() noexcept {
    if (const char* const sentence = rsb::inspect(heap).check()) return sentence;
    if (const char* const sentence = source().complaint()) return sentence;
    const rsb::Stats stats = rsb::inspect(heap).stats();
    if (stats.acquired_bytes + stats.metadata_bytes != source().held_bytes() + given_) {
      return "what the heap says it has is what the source gave";
    }
    if (stats.acquisitions != source().acquisitions()) return "acquisitions are counted";
    if (stats.releases != source().releases()) return "releases are counted";
    if (stats.used_bytes + stats.free_bytes != stats.acquired_bytes) {
      return "acquired bytes are used or free";
    }
    if (stats.peak_used_bytes < stats.used_bytes ||
        stats.peak_acquired_bytes < stats.acquired_bytes) {
      return "a peak is at least the value";
    }
    return nullptr;
  }

  // By the test, on purpose: nothing is expected of the heap any more.
  void is_broken() noexcept { is_broken_ = true; }

  void recover() noexcept { source().recover(); }

  // Whether a request for one slot can be met when nothing is live. To be asked last.
  bool must_serve() noexcept {
    if constexpr (is_pool) return stats().longest_run_bytes >= options.span_size;
    return source().acquire(options.acquire_size, options.acquire_alignment) != nullptr;
  }

  // Whether p lies in what the heap may hand out.
  bool is_inside(const void* p) const noexcept { return rsb::bytes_from(arena, p) < bytes_; }

  rsb::Stats stats() noexcept { return rsb::inspect(heap).stats(); }

  // How many bytes add_region() promised.
  size_t given() const noexcept { return given_; }

  TheHeap<Config> heap;

 private:
  const size_t bytes_;
  size_t given_ = 0;
  bool is_broken_ = false;
};

}  // namespace support

// What holds whatever call of the page source fails.
#define CHECK_WHATEVER_FAILS(...)                                                \
  do {                                                                           \
    const bool holds_ = (__VA_ARGS__);                                           \
    if (!holds_) support::failing_call.complain("does not hold: " #__VA_ARGS__); \
    CHECK(holds_);                                                               \
  } while (false)

// Nothing is wrong with a World.
#define CHECK_SOUND(world)                          \
  do {                                              \
    const char* const problem_ = (world).problem(); \
    if (problem_ != nullptr) {                      \
      support::failing_call.complain(problem_);     \
      FAIL_CHECK(doctest::String(problem_));        \
    }                                               \
  } while (false)
