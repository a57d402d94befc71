// SPDX-License-Identifier: MIT OR Apache-2.0
// The page source works without the heap's lock: what other threads do meanwhile, step by step.
#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "rsb/heap.hpp"
#include "rsb/inspector.hpp"
#include "rsb/platform.hpp"

namespace {

// Before it does what it is asked for, lets another thread do something, once, and waits for it.
struct Meeting : rsb::platform::Pages {
  static inline std::function<void()> during_acquire;
  static inline std::function<void()> during_release;
  static inline std::function<void()> during_discard;

  void* acquire(size_t bytes, size_t alignment) noexcept {
    meet(during_acquire);
    return Pages::acquire(bytes, alignment);
  }
  bool release(void* base, size_t bytes) noexcept {
    meet(during_release);
    return Pages::release(base, bytes);
  }
  bool discard(void* base, size_t bytes) noexcept {
    meet(during_discard);
    return Pages::discard(base, bytes);
  }

 private:
  static void meet(std::function<void()>& action) {
    if (const auto taken = std::exchange(action, nullptr)) std::thread(taken).join();
  }
};

struct Config {
  using Pages = Meeting;
  using Lock = rsb::BasicSpinLock<rsb::platform::YieldThenSleep>;
  static constexpr rsb::Options options{
      .acquire_size = 256 * rsb::KiB,
      .acquire_alignment = 16 * rsb::KiB,
      .keep_free = 32 * rsb::KiB,
      .discard_size = 16 * rsb::KiB,
  };
};
using Heap = rsb::Heap<Config>;

std::string broken_invariant(Heap& heap) {
  const char* const sentence = rsb::inspect(heap).check();
  return sentence != nullptr ? sentence : "";
}

size_t used_after_trim(Heap& heap) {
  heap.trim();
  return rsb::inspect(heap).stats().used_bytes;
}

}  // namespace

TEST_CASE("a bin gets two spans at once, and gives both back") {
  static constinit Heap heap;
  Meeting::during_acquire = [] { heap.deallocate(heap.allocate(24)); };
  void* const block = heap.allocate(24);
  CHECK(broken_invariant(heap) == "");
  heap.deallocate(block);
  CHECK(used_after_trim(heap) == 0);
  CHECK(broken_invariant(heap) == "");
}

TEST_CASE("a bin gets two spans at once, and uses both") {
  static constinit Heap heap;
  void* other = nullptr;
  Meeting::during_acquire = [&] { other = heap.allocate(24); };
  void* const block = heap.allocate(24);
  CHECK(broken_invariant(heap) == "");
  CHECK(block != other);
  heap.deallocate(block);
  heap.deallocate(other);
  CHECK(used_after_trim(heap) == 0);
  CHECK(broken_invariant(heap) == "");
}

TEST_CASE("invariants hold, and blocks come and go, while pages are discarded") {
  static constinit Heap heap;
  void* const keeper = heap.allocate(24);
  void* const large = heap.allocate(100'000);
  std::string meanwhile = "nothing was discarded";
  void* other = nullptr;
  Meeting::during_discard = [&] {
    meanwhile = broken_invariant(heap);
    other = heap.allocate(50'000);
  };
  heap.deallocate(large);
  heap.trim();
  CHECK(meanwhile == "");
  CHECK(other != nullptr);
  heap.deallocate(other);
  heap.deallocate(keeper);
  CHECK(used_after_trim(heap) == 0);
  CHECK(broken_invariant(heap) == "");
}

TEST_CASE("invariants hold, and blocks come and go, while pages are released") {
  static constinit Heap heap;
  void* const large = heap.allocate(1'000'000);
  std::string meanwhile = "nothing was released";
  void* other = nullptr;
  Meeting::during_release = [&] {
    meanwhile = broken_invariant(heap);
    other = heap.allocate(1'000'000);
  };
  heap.deallocate(large);
  heap.trim();
  CHECK(meanwhile == "");
  CHECK(other != nullptr);
  heap.deallocate(other);
  CHECK(used_after_trim(heap) == 0);
  CHECK(broken_invariant(heap) == "");
}

TEST_CASE("a block is allocated, written and freed while another one is resized") {
  static constinit Heap heap;
  char* const block = static_cast<char*>(heap.allocate(100'000));
  block[99'999] = 'x';
  Meeting::during_acquire = [] { heap.deallocate(heap.allocate(300'000)); };
  char* const resized = static_cast<char*>(heap.reallocate(block, 2'000'000));
  REQUIRE(resized != nullptr);
  CHECK(resized[99'999] == 'x');
  CHECK(broken_invariant(heap) == "");
  heap.deallocate(resized);
  CHECK(used_after_trim(heap) == 0);
}
