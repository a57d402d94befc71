// SPDX-License-Identifier: MIT OR Apache-2.0
// Configurations with Checks::full, whose queue is short.
#pragma once

#include "support/worlds.hpp"

namespace support {

using rsb::Checks;
using rsb::FullOptions;

constexpr FullOptions queue{.queue_bytes = 8 * rsb::KiB, .queue_blocks = 8};

struct FullRadix : Configuration<with_checks(small_radix, Checks::full), ZeroedPages> {
  static constexpr FullOptions full = queue;
};
struct FullPool : Configuration<with_checks(firmware, Checks::full)> {
  static constexpr FullOptions full = queue;
};
struct FullSpans : Configuration<with_checks(multi_page_spans, Checks::full)> {
  static constexpr FullOptions full = queue;
};

}  // namespace support
