// Many threads on one heap: contents stay, blocks wander between threads, and every invariant holds
// whenever somebody looks.
#include <doctest/doctest.h>

#include <string.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "heaps.hpp"

namespace {

using threads::Built;
using threads::Own;
using Clock = std::chrono::steady_clock;

constexpr auto duration = std::chrono::milliseconds(700);

// xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 0x9e3779b97f4a7c15u + 1) {}
  uint64_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1du;
  }
  size_t below(size_t n) { return static_cast<size_t>(next() >> 11) % n; }
  // Log-uniform from 1 to 2^bits - 1.
  size_t size(unsigned bits) {
    const size_t top = size_t{1} << below(bits);
    return top + below(top);
  }

 private:
  uint64_t state_;
};

// What a block's owner writes into it: its size and a byte repeated, so that whoever gets hold of
// the block can tell whether it was written by another one.
struct Contents {
  size_t size;
  unsigned char byte;
};

void write(void* block, size_t size, unsigned char byte) {
  memset(block, byte, size);
  const Contents contents{size, byte};
  if (size >= sizeof contents) memcpy(block, &contents, sizeof contents);
}

// Whether `kept` bytes are as written for a block of `size` bytes.
bool is_intact(const void* block, size_t size, size_t kept, unsigned char byte) {
  const unsigned char* const bytes = static_cast<const unsigned char*>(block);
  size_t first = 0;
  if (size >= sizeof(Contents)) {
    Contents contents;
    if (kept < sizeof contents) return true;
    memcpy(&contents, block, sizeof contents);
    if (contents.size != size || contents.byte != byte) return false;
    first = sizeof contents;
  }
  const size_t step = kept < 256 ? 1 : kept / 64;
  for (size_t i = first; i < kept; i += step) {
    if (bytes[i] != byte) return false;
  }
  return kept == 0 || kept <= first || bytes[kept - 1] == byte;
}

bool is_zero(const void* block, size_t size) {
  const unsigned char* const bytes = static_cast<const unsigned char*>(block);
  for (size_t i = 0; i < size; i++) {
    if (bytes[i] != 0) return false;
  }
  return true;
}

// Blocks on their way from one thread to any other.
struct Parcel {
  void* block = nullptr;
  size_t size = 0;
  unsigned char byte = 0;
};

// A slot whose parcel is exchanged as a whole.
class Mailbox {
 public:
  Parcel exchange(Parcel parcel) {
    while (busy_.exchange(true, std::memory_order_acquire)) std::this_thread::yield();
    const Parcel previous = parcel_;
    parcel_ = parcel;
    busy_.store(false, std::memory_order_release);
    return previous;
  }

 private:
  std::atomic<bool> busy_{false};
  Parcel parcel_;
};

struct Tally {
  std::atomic<long> operations{0};
  std::atomic<long> failures{0};
  std::atomic<long> broken{0};
};

template <class Heap>
void release(const Parcel& parcel, Tally& tally) {
  if (parcel.block == nullptr) return;
  if (!is_intact(parcel.block, parcel.size, parcel.size, parcel.byte)) tally.broken++;
  Heap::deallocate(parcel.block);
}

// Makes, resizes and exchanges blocks of up to 2^bits bytes.
template <class Heap>
void exchange_blocks(std::vector<Mailbox>& mailboxes, Tally& tally, unsigned bits, unsigned seed,
                     Clock::time_point end) {
  Random random(seed);
  while (Clock::now() < end) {
    for (int i = 0; i < 64; i++) {
      const size_t size = random.size(bits);
      const auto byte = static_cast<unsigned char>(random.next() >> 40);
      Parcel parcel{nullptr, size, byte};
      const bool zeroed = random.below(8) == 0;
      parcel.block = zeroed ? Heap::allocate_zeroed(size) : Heap::allocate(size);
      tally.operations.fetch_add(1, std::memory_order_relaxed);
      if (parcel.block == nullptr) {
        tally.failures++;
        continue;
      }
      if (zeroed && !is_zero(parcel.block, size)) tally.broken++;
      if (Heap::usable_size(parcel.block) < size) tally.broken++;
      write(parcel.block, size, byte);
      if (random.below(4) == 0) {
        const size_t resized = random.size(bits);
        void* const moved = Heap::reallocate(parcel.block, resized);
        if (moved != nullptr) {
          if (!is_intact(moved, size, size < resized ? size : resized, byte)) tally.broken++;
          write(moved, resized, byte);
          parcel = {moved, resized, byte};
        }
      }
      release<Heap>(mailboxes[random.below(mailboxes.size())].exchange(parcel), tally);
    }
  }
}

template <class Heap>
void look_and_trim(Tally& tally, Clock::time_point end) {
  while (Clock::now() < end) {
    const char* const broken = Heap::check();
    if (broken != nullptr) {
      MESSAGE(std::string(broken));
      tally.broken++;
    }
    const rsb_stats stats = Heap::stats();
    if (stats.live_bytes > stats.used_bytes) tally.broken++;
    if (stats.used_bytes > stats.acquired_bytes) tally.broken++;
    Heap::count_blocks();
    Heap::trim();
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
  }
}

template <class Heap>
void use_page_runs(Tally& tally, unsigned seed, Clock::time_point end) {
  Random random(seed);
  const size_t page = Heap::page();
  while (Clock::now() < end) {
    const size_t pages = 1 + random.below(12);
    const auto byte = static_cast<unsigned char>(random.next() >> 40);
    void* const run = Heap::allocate_pages(pages);
    if (run == nullptr) continue;
    write(run, pages * page, byte);
    const size_t resized = 1 + random.below(12);
    size_t kept = pages;
    if (Heap::resize_pages(run, resized)) {
      if (resized < kept) kept = resized;
    }
    if (!is_intact(run, pages * page, kept * page, byte)) tally.broken++;
    Heap::deallocate_pages(run);
    tally.operations.fetch_add(1, std::memory_order_relaxed);
  }
}

template <class Heap>
void expect_nothing_left() {
  Heap::trim();
  const rsb_stats stats = Heap::stats();
  CHECK(stats.live_blocks == 0);
  CHECK(Heap::count_blocks() == 0);
  CHECK(stats.used_bytes == 0);
  const char* const broken = Heap::check();
  CHECK(std::string(broken != nullptr ? broken : "") == "");
}

template <class Heap>
void stress(unsigned workers, unsigned bits) {
  Tally tally;
  std::vector<Mailbox> mailboxes(256);
  const auto end = Clock::now() + duration;
  {
    std::vector<std::jthread> threads;
    for (unsigned i = 0; i < workers; i++) {
      threads.emplace_back([&, i] { exchange_blocks<Heap>(mailboxes, tally, bits, i + 1, end); });
    }
    threads.emplace_back([&] { use_page_runs<Heap>(tally, 77, end); });
    threads.emplace_back([&] { look_and_trim<Heap>(tally, end); });
  }
  for (Mailbox& mailbox : mailboxes) release<Heap>(mailbox.exchange({}), tally);
  CHECK(tally.broken == 0);
  CHECK(tally.operations > tally.failures);
  expect_nothing_left<Heap>();
}

}  // namespace

TEST_CASE_TEMPLATE("small blocks wander between four threads", Heap, Built, Own<threads::Restless>,
                   Own<threads::Greedless>, Own<threads::Pool>) {
  stress<Heap>(4, 9);
}

TEST_CASE_TEMPLATE("blocks of all sizes wander between four threads", Heap, Built,
                   Own<threads::Restless>, Own<threads::Greedless>, Own<threads::Pool>) {
  stress<Heap>(4, 18);
}

TEST_CASE_TEMPLATE("large blocks wander between two threads", Heap, Built, Own<threads::Restless>,
                   Own<threads::Greedless>) {
  stress<Heap>(2, 23);
}

TEST_CASE_TEMPLATE("one thread allocates what another one frees", Heap, Built,
                   Own<threads::Restless>) {
  constexpr size_t count = 20'000;
  constexpr size_t capacity = 512;
  static std::atomic<void*> ring[capacity];
  Tally tally;
  std::thread consumer([&] {
    for (size_t i = 0; i < count; i++) {
      void* block;
      while ((block = ring[i % capacity].exchange(nullptr)) == nullptr) std::this_thread::yield();
      const size_t size = 16 + i % 500;
      if (!is_intact(block, size, size, static_cast<unsigned char>(i))) tally.broken++;
      Heap::deallocate(block);
    }
  });
  for (size_t i = 0; i < count; i++) {
    void* const block = Heap::allocate(16 + i % 500);
    write(block, 16 + i % 500, static_cast<unsigned char>(i));
    void* expected = nullptr;
    while (!ring[i % capacity].compare_exchange_weak(expected, block)) {
      expected = nullptr;
      std::this_thread::yield();
    }
  }
  consumer.join();
  CHECK(tally.broken == 0);
  expect_nothing_left<Heap>();
}

TEST_CASE_TEMPLATE("four-byte blocks of two threads share spans", Heap, Built,
                   Own<threads::Restless>) {
  constexpr size_t count = 3'000;
  Tally tally;
  const auto work = [&](uint32_t mark) {
    std::vector<uint32_t*> blocks(count);
    for (int round = 0; round < 10; round++) {
      for (uint32_t*& block : blocks) {
        block = static_cast<uint32_t*>(Heap::allocate(4, 4));
        *block = mark;
      }
      for (uint32_t* block : blocks) {
        if (*block != mark) tally.broken++;
        Heap::deallocate(block, 4, 4);
      }
    }
  };
  {
    std::jthread one(work, 0x11111111u);
    std::jthread other(work, 0x22222222u);
  }
  CHECK(tally.broken == 0);
  expect_nothing_left<Heap>();
}

TEST_CASE_TEMPLATE("blocks outlive the threads that allocated them", Heap, Built,
                   Own<threads::Restless>) {
  std::vector<void*> blocks(100);
  for (size_t i = 0; i < blocks.size(); i++) {
    std::thread([&] {
      blocks[i] = Heap::allocate(100 * i + 1);
      write(blocks[i], 100 * i + 1, static_cast<unsigned char>(i));
    }).join();
  }
  for (size_t i = 0; i < blocks.size(); i++) {
    CHECK(is_intact(blocks[i], 100 * i + 1, 100 * i + 1, static_cast<unsigned char>(i)));
    Heap::deallocate(blocks[i]);
  }
  expect_nothing_left<Heap>();
}
