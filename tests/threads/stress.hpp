// SPDX-License-Identifier: MIT OR Apache-2.0
// Many threads on one heap: contents stay, blocks wander between threads, and every invariant holds
// whenever somebody looks. On all heaps of heaps.hpp and heaps_hosted.hpp.
#pragma once

#include <string.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

#include "rsb/rsb.h"
#include "support/parallel.hpp"
#include "support/test.hpp"

namespace threads {

using Clock = std::chrono::steady_clock;

inline constexpr auto duration = std::chrono::milliseconds(700);

// xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016).
class alignas(64) Random {  // each thread has its own cache line
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

inline void write(void* block, size_t size, unsigned char byte) {
  memset(block, byte, size);
  const Contents contents{size, byte};
  if (size >= sizeof contents) memcpy(block, &contents, sizeof contents);
}

// Whether `kept` bytes are as written for a block of `size` bytes.
inline bool is_intact(const void* block, size_t size, size_t kept, unsigned char byte) {
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

inline bool is_zero(const void* block, size_t size) {
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
    while (busy_.exchange(true, std::memory_order_acquire)) support::yield();
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
  std::atomic<const char*> sentence{nullptr};  // what the heap said last of its invariants
};

template <class Heap>
void release(const Parcel& parcel, Tally& tally) {
  if (parcel.block == nullptr) return;
  if (!is_intact(parcel.block, parcel.size, parcel.size, parcel.byte)) tally.broken++;
  Heap::deallocate(parcel.block);
}

// Makes, resizes and exchanges blocks of up to 2^bits bytes.
template <class Heap>
void exchange_blocks(std::vector<Mailbox>& mailboxes, Tally& tally, unsigned bits, Random& random) {
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

template <class Heap>
void use_page_run(Tally& tally, Random& random) {
  const size_t page = Heap::page();
  const size_t pages = 1 + random.below(12);
  const auto byte = static_cast<unsigned char>(random.next() >> 40);
  void* const run = Heap::allocate_pages(pages);
  if (run == nullptr) return;
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

template <class Heap>
void look_and_trim(Tally& tally) {
  const char* const sentence = Heap::check();
  if (sentence != nullptr) {
    tally.sentence = sentence;
    tally.broken++;
  }
  const rsb_stats stats = Heap::stats();
  if (stats.live_bytes > stats.used_bytes) tally.broken++;
  if (stats.used_bytes > stats.acquired_bytes) tally.broken++;
  Heap::count_blocks();
  Heap::trim();
  support::rest();
}

template <class Heap>
void expect_nothing_left() {
  Heap::trim();
  const rsb_stats stats = Heap::stats();
  CHECK(stats.live_blocks == 0);
  CHECK(Heap::count_blocks() == 0);
  CHECK(stats.used_bytes == 0);
  const char* const sentence = Heap::check();
  if (sentence != nullptr) FAIL_CHECK(doctest::String(sentence));
}

// Blocks of up to 2^bits bytes wander between `exchangers` threads, while one uses runs of pages,
// and one looks at the heap. Where fewer can be at work at once, some play several of these roles
// in turn.
template <class Heap>
void let_wander(unsigned exchangers, unsigned bits) {
  const unsigned roles = exchangers + 2;
  const unsigned threads = roles < support::max_parallel() ? roles : support::max_parallel();
  Tally tally;
  std::vector<Mailbox> mailboxes(256);
  std::vector<Random> randoms;
  for (unsigned role = 0; role < roles; role++) randoms.emplace_back(role + 1);
  const auto end = Clock::now() + duration;
  support::parallel(threads, [&](unsigned me) {
    do {  // at least once, however busy the machine is
      for (unsigned role = me; role < roles; role += threads) {
        if (role < exchangers) {
          exchange_blocks<Heap>(mailboxes, tally, bits, randoms[role]);
        } else if (role == exchangers) {
          use_page_run<Heap>(tally, randoms[role]);
        } else {
          look_and_trim<Heap>(tally);
        }
      }
    } while (Clock::now() < end);
  });
  for (Mailbox& mailbox : mailboxes) release<Heap>(mailbox.exchange({}), tally);
  if (tally.sentence != nullptr) FAIL_CHECK(doctest::String(tally.sentence));
  CHECK(tally.broken == 0);
  CHECK(tally.operations > tally.failures);
  expect_nothing_left<Heap>();
}

// One thread allocates, another one frees.
template <class Heap>
void pass_on() {
  constexpr size_t count = 20'000;
  constexpr size_t capacity = 512;
  static std::atomic<void*> ring[capacity];
  Tally tally;
  const auto produce = [&] {
    for (size_t i = 0; i < count; i++) {
      void* const block = Heap::allocate(16 + i % 500);
      write(block, 16 + i % 500, static_cast<unsigned char>(i));
      void* expected = nullptr;
      while (!ring[i % capacity].compare_exchange_weak(expected, block)) {
        expected = nullptr;
        support::yield();
      }
    }
  };
  const auto consume = [&] {
    for (size_t i = 0; i < count; i++) {
      void* block;
      while ((block = ring[i % capacity].exchange(nullptr)) == nullptr) support::yield();
      const size_t size = 16 + i % 500;
      if (!is_intact(block, size, size, static_cast<unsigned char>(i))) tally.broken++;
      Heap::deallocate(block);
    }
  };
  support::parallel(2, [&](unsigned me) { me == 0 ? produce() : consume(); });
  CHECK(tally.broken == 0);
  expect_nothing_left<Heap>();
}

// Four-byte blocks of two threads are neighbours.
template <class Heap>
void share_spans() {
  constexpr size_t count = 3'000;
  static uint32_t* blocks[2][count];
  Tally tally;
  support::parallel(2, [&](unsigned me) {
    const uint32_t mark = 0x11111111u * (me + 1);
    for (int round = 0; round < 10; round++) {
      for (uint32_t*& block : blocks[me]) {
        block = static_cast<uint32_t*>(Heap::allocate(4, 4));
        *block = mark;
      }
      for (uint32_t* block : blocks[me]) {
        if (*block != mark) tally.broken++;
        Heap::deallocate(block, 4, 4);
      }
    }
  });
  CHECK(tally.broken == 0);
  expect_nothing_left<Heap>();
}

// Blocks stay when the threads end that allocated them.
template <class Heap>
void outlive() {
  std::vector<void*> blocks(100);
  for (size_t i = 0; i < blocks.size(); i++) {
    support::parallel(2, [&](unsigned me) {
      if (me == 0) return;
      blocks[i] = Heap::allocate(100 * i + 1);
      write(blocks[i], 100 * i + 1, static_cast<unsigned char>(i));
    });
  }
  for (size_t i = 0; i < blocks.size(); i++) {
    CHECK(is_intact(blocks[i], 100 * i + 1, 100 * i + 1, static_cast<unsigned char>(i)));
    Heap::deallocate(blocks[i]);
  }
  expect_nothing_left<Heap>();
}

}  // namespace threads
