// SPDX-License-Identifier: MIT OR Apache-2.0
// Contents of blocks: patterns to write, and to find again.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace support {

// Hides a value from the compiler, which warns of sizes that it knows to be absurd and folds tests
// of alignment that it believes to know.
template <class T>
[[gnu::noinline]] T opaque(T value) {
  asm volatile("" : "+r"(value));
  return value;
}

// For a result that is of no interest, where only a fault is expected.
template <class T>
void drop(T value) {
  (void)opaque(value);
}

inline void fill(void* block, size_t bytes, unsigned char value) {
  if (bytes != 0) __builtin_memset(block, value, bytes);
}

// What goes through memory byte by byte is not what a fuzzer is to learn from; told of each
// comparison, it would hardly do anything else.
#if defined(__clang__)
#define SUPPORT_NOT_FUZZED [[gnu::noinline, clang::no_sanitize("coverage")]]
#else
#define SUPPORT_NOT_FUZZED
#endif

SUPPORT_NOT_FUZZED inline bool holds_only(const void* block, size_t bytes, unsigned char value) {
  const unsigned char* const p = static_cast<const unsigned char*>(block);
  for (size_t i = 0; i < bytes; i++) {
    if (p[i] != value) return false;
  }
  return true;
}

// A pattern that differs from place to place, so that contents moved by some bytes are noticed.
inline unsigned char pattern_at(size_t i, unsigned seed) {
  return static_cast<unsigned char>((i * 31 + (i >> 8) * 7 + seed) & 0xff);
}

SUPPORT_NOT_FUZZED inline void fill_pattern(void* block, size_t bytes, unsigned seed) {
  unsigned char* const p = static_cast<unsigned char*>(block);
  for (size_t i = 0; i < bytes; i++) p[i] = pattern_at(i, seed);
}

SUPPORT_NOT_FUZZED inline bool holds_pattern(const void* block, size_t bytes, unsigned seed) {
  const unsigned char* const p = static_cast<const unsigned char*>(block);
  for (size_t i = 0; i < bytes; i++) {
    if (p[i] != pattern_at(i, seed)) return false;
  }
  return true;
}

// A small pseudo-random sequence that is the same everywhere (xorshift32; Marsaglia 2003).
class Random {
 public:
  explicit Random(uint32_t seed) : state_(seed) {}

  uint32_t next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 17;
    state_ ^= state_ << 5;
    return state_;
  }
  // Below `limit`.
  size_t below(size_t limit) { return next() % limit; }

 private:
  uint32_t state_;
};

}  // namespace support
