// SPDX-License-Identifier: MIT OR Apache-2.0
// Arithmetic on sizes and addresses. Addresses become integers here and nowhere else in core.
//
// Room machine: anything in this tree may include it.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "rsb/arch.hpp"

namespace rsb {

inline constexpr size_t KiB = 1024;
inline constexpr size_t MiB = 1024 * KiB;
inline constexpr size_t GiB = 1024 * MiB;

// The largest size of an object: beyond it pointer differences overflow (C 2023, 6.5.7).
inline constexpr size_t max_object_bytes = SIZE_MAX / 2;

constexpr bool is_power_of_two(size_t n) noexcept {
  return n != 0 && (n & (n - 1)) == 0;
}

// static_cast of an integer whose type may be To already, here or on another machine: there
// compilers would call the cast useless.
template <class To, class From>
[[gnu::always_inline]] constexpr To integer_cast(From n) noexcept {
  return static_cast<To>(n);
}

// How many bits of a byte there are above the highest set one.
struct ZerosOfBytes {
  constexpr ZerosOfBytes() noexcept {
    for (unsigned n = 1; n < 256; n++) {
      uint8_t zeros = 0;
      while ((n << zeros & 0x80) == 0) zeros++;
      zeros_of[n] = zeros;
    }
  }
  uint8_t zeros_of[256] = {};
};
inline constexpr ZerosOfBytes zeros_of_bytes;

// Of unsigned numbers, at least as wide as an int, whichever type they are:

// How many bits there are above the highest set one; n must not be 0.
template <class Word>
constexpr unsigned leading_zeros(Word n) noexcept {
  static_assert(sizeof(Word) >= sizeof(unsigned) && sizeof(Word) <= sizeof(unsigned long long));
  constexpr unsigned bits = sizeof(Word) * __CHAR_BIT__;
  if constexpr (!has_bit_scan && sizeof(unsigned) < 4) {  // where the table would be in RAM
    unsigned zeros = bits - 1;
    for (unsigned half = bits / 2; half != 0; half /= 2) {
      if (n >> half == 0) continue;
      n >>= half;
      zeros -= half;
    }
    return zeros;
  } else if constexpr (!has_bit_scan) {
    if constexpr (bits > 32) {
      const auto high = static_cast<uint32_t>(n >> (bits - 32));
      return high != 0 ? leading_zeros(high) : 32 + leading_zeros(static_cast<uint32_t>(n));
    } else {
      if (const Word byte = n >> 24) return zeros_of_bytes.zeros_of[byte];
      if (const Word byte = n >> 16) return 8 + zeros_of_bytes.zeros_of[byte];
      if (const Word byte = n >> 8) return 16 + zeros_of_bytes.zeros_of[byte];
      return 24 + zeros_of_bytes.zeros_of[n];
    }
  } else if constexpr (sizeof(Word) == sizeof(unsigned)) {
    return static_cast<unsigned>(__builtin_clz(n));
  } else if constexpr (sizeof(Word) == sizeof(unsigned long)) {
    return static_cast<unsigned>(__builtin_clzl(n));
  } else {
    return static_cast<unsigned>(__builtin_clzll(n));
  }
}

// Index of the highest set bit; n must not be 0.
template <class Word>
constexpr unsigned floor_log2(Word n) noexcept {
  constexpr unsigned bits = sizeof(Word) * __CHAR_BIT__;
  return (bits - 1) ^ leading_zeros(n);  // as subtraction, but folds away
}

// Index of the lowest set bit; n must not be 0.
template <class Word>
constexpr unsigned lowest_bit(Word n) noexcept {
  if constexpr (!has_bit_scan) {
    return floor_log2(n & -n);
  } else if constexpr (sizeof(Word) == sizeof(unsigned)) {
    return static_cast<unsigned>(__builtin_ctz(n));
  } else if constexpr (sizeof(Word) == sizeof(unsigned long)) {
    return static_cast<unsigned>(__builtin_ctzl(n));
  } else {
    return static_cast<unsigned>(__builtin_ctzll(n));
  }
}

// `alignment` is a power of two. The caller makes sure that n + alignment does not overflow.
constexpr size_t align_down(size_t n, size_t alignment) noexcept {
  return n & ~(alignment - 1);
}
constexpr size_t align_up(size_t n, size_t alignment) noexcept {
  return (n + alignment - 1) & ~(alignment - 1);
}

constexpr size_t larger(size_t a, size_t b) noexcept {
  return a > b ? a : b;
}
constexpr size_t smaller(size_t a, size_t b) noexcept {
  return a < b ? a : b;
}

inline uintptr_t address_of(const volatile void* p) noexcept {
  return reinterpret_cast<uintptr_t>(p);
}

// How far p lies behind the last multiple of `alignment`, a power of two.
inline size_t bytes_into(const void* p, size_t alignment) noexcept {
  return address_of(p) & (alignment - 1);
}

inline bool is_aligned(const void* p, size_t alignment) noexcept {
  return bytes_into(p, alignment) == 0;
}

// base + bytes, where that need not be a pointer: memory may begin at address 0, and end at the
// last one, behind which there is 0 again.
inline char* address_behind(const void* base, size_t bytes) noexcept {
  return reinterpret_cast<char*>(address_of(base) + bytes);
}

inline char* align_up(void* p, size_t alignment) noexcept {
  return address_behind(p, -address_of(p) & (alignment - 1));
}

// How far p lies behind base, as an unsigned number: huge when p lies before base.
inline size_t bytes_from(const void* base, const void* p) noexcept {
  return address_of(p) - address_of(base);
}

// Whether so many bytes from `base` on would reach beyond the last address.
inline bool exceeds_addresses(const void* base, size_t bytes) noexcept {
  return bytes > 1 && bytes - 1 > UINTPTR_MAX - address_of(base);
}

// Of memory that begins at address 0, leaves out the first byte: who got it would take it for null.
// Whatever is aligned begins behind it, then.
inline void leave_out_null(void*& base, size_t& bytes) noexcept {
  if (base != nullptr || bytes == 0) return;
  base = address_behind(base, 1);
  bytes--;
}

inline bool overlap(const void* a, size_t a_bytes, const void* b, size_t b_bytes) noexcept {
  return bytes_from(a, b) < a_bytes || bytes_from(b, a) < b_bytes;
}

template <class A, class B>
concept SameAs = __is_same(A, B);

}  // namespace rsb
