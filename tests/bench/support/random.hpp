// SPDX-License-Identifier: MIT OR Apache-2.0
// Random streams that cost about a nanosecond a step, the same for every allocator.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace bench {

// SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", OOPSLA 2014).
class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) noexcept : state_(seed) {}

  [[nodiscard]] constexpr std::uint64_t next() noexcept {
    std::uint64_t z = (state_ += 0x9e3779b97f4a7c15U);
    z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
    z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
    return z ^ (z >> 31U);
  }

  // Uniform in 0 .. bound-1, by multiplication and without a division; bound < 2^32.
  [[nodiscard]] constexpr std::uint32_t below(std::uint32_t bound) noexcept {
    return scale(static_cast<std::uint32_t>(next()), bound);
  }

  // Two independent draws from one step.
  [[nodiscard]] constexpr std::pair<std::uint32_t, std::uint32_t> below(
      std::uint32_t first, std::uint32_t second) noexcept {
    const std::uint64_t bits = next();
    return {scale(static_cast<std::uint32_t>(bits), first),
            scale(static_cast<std::uint32_t>(bits >> 32U), second)};
  }

 private:
  static constexpr std::uint32_t scale(std::uint32_t bits, std::uint32_t bound) noexcept {
    return static_cast<std::uint32_t>((std::uint64_t{bits} * bound) >> 32U);
  }

  std::uint64_t state_;
};

// Sizes distributed log-uniformly over [least, most]: as many between 8 and 16 as between 2,048 and
// 4,096. A table of quantiles, computed once; a draw is one load.
class LogUniformSizes {
 public:
  static constexpr std::uint32_t quantiles = 4096;

  LogUniformSizes(std::size_t least, std::size_t most) noexcept {
    const double ratio = static_cast<double>(most) / static_cast<double>(least);
    for (std::uint32_t i = 0; i < quantiles; ++i) {
      const double position = i / static_cast<double>(quantiles - 1);
      size_[i] = static_cast<std::uint32_t>(
          std::lround(static_cast<double>(least) * std::pow(ratio, position)));
    }
  }

  [[nodiscard]] std::size_t at(std::uint32_t quantile) const noexcept { return size_[quantile]; }
  [[nodiscard]] std::size_t draw(Random& random) const noexcept {
    return size_[random.below(quantiles)];
  }

 private:
  std::array<std::uint32_t, quantiles> size_;
};

// Sizes distributed uniformly over [least, most].
class UniformSizes {
 public:
  static constexpr std::uint32_t quantiles = 4096;

  constexpr UniformSizes(std::uint32_t least, std::uint32_t most) noexcept
      : least_(least), range_(most - least) {}

  [[nodiscard]] constexpr std::size_t at(std::uint32_t quantile) const noexcept {
    return least_ + std::size_t{range_} * quantile / (quantiles - 1);
  }
  [[nodiscard]] constexpr std::size_t draw(Random& random) const noexcept {
    return at(random.below(quantiles));
  }

 private:
  std::uint32_t least_;
  std::uint32_t range_;
};

}  // namespace bench
