// SPDX-License-Identifier: MIT OR Apache-2.0
// What the firmwares of the ports have in common: blocks that know what they should contain, and
// boxes through which cores and interrupt handlers hand them to each other.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace firmware {

struct Block {
  void* memory = nullptr;
  uint32_t bytes = 0;  // from 8
  uint32_t seed = 0;   // another for each block, so that one handed out twice is found out

  explicit operator bool() const { return memory != nullptr; }
};

// A different word for each seed and each place in the block.
inline uint32_t pattern(uint32_t seed, uint32_t index) {
  return (seed + index) * 0x9e3779b1u;  // 2^32 / golden ratio
}

// Writes all bytes of the block; a last word that does not fit ends with the block.
inline void fill(const Block& block) {
  char* const bytes = static_cast<char*>(block.memory);
  const uint32_t words = block.bytes / 4;
  for (uint32_t i = 0; i < words; i++) {
    const uint32_t word = pattern(block.seed, i);
    __builtin_memcpy(bytes + 4 * i, &word, 4);
  }
  const uint32_t last = pattern(block.seed, words);
  __builtin_memcpy(bytes + 4 * words, &last, block.bytes % 4);
}

// Whether all of them are still there.
inline bool is_intact(const Block& block) {
  const char* const bytes = static_cast<const char*>(block.memory);
  const uint32_t words = block.bytes / 4;
  uint32_t differences = 0;
  for (uint32_t i = 0; i < words; i++) {
    uint32_t word;
    __builtin_memcpy(&word, bytes + 4 * i, 4);
    differences |= word ^ pattern(block.seed, i);
  }
  const uint32_t last = pattern(block.seed, words);
  return differences == 0 && __builtin_memcmp(bytes + 4 * words, &last, block.bytes % 4) == 0;
}

// Room for a few blocks on their way from one core or handler to another. Never waits: may be used
// by several cores and by interrupt handlers at once.
template <unsigned capacity>
class Box {
 public:
  // False: there is no room.
  [[nodiscard]] bool put(const Block& block) {
    for (Place& place : places_) {
      if (!place.change(empty, busy)) continue;
      place.block = block;
      place.become(full);
      return true;
    }
    return false;
  }

  // Without memory: there is no block.
  Block take() {
    for (Place& place : places_) {
      if (!place.change(full, busy)) continue;
      const Block block = place.block;
      place.become(empty);
      return block;
    }
    return {};
  }

 private:
  enum State : unsigned { empty, busy, full };

  struct Place {
    unsigned state = empty;
    Block block;

    bool change(unsigned from, State to) {
      if (__atomic_load_n(&state, __ATOMIC_RELAXED) != from) return false;
      return __atomic_compare_exchange_n(&state, &from, to, false, __ATOMIC_ACQUIRE,
                                         __ATOMIC_RELAXED);
    }
    void become(State to) { __atomic_store_n(&state, to, __ATOMIC_RELEASE); }
  };

  Place places_[capacity];
};

// Xorshift (Marsaglia, "Xorshift RNGs", 2003).
class Random {
 public:
  constexpr explicit Random(uint32_t seed) : state_(seed * 2654435761u | 1) {}

  uint32_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_;
  }

  uint32_t below(uint32_t limit) { return static_cast<uint32_t>(uint64_t{next()} * limit >> 32); }

  // From 8 to 8 << doublings, each doubling as likely as any other.
  uint32_t size(unsigned doublings) {
    const uint32_t least = 8u << below(doublings);
    return least + below(least + 1);
  }

 private:
  uint32_t state_;
};

}  // namespace firmware
