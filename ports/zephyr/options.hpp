// SPDX-License-Identifier: MIT OR Apache-2.0
// What Kconfig says of all heaps.
#pragma once

#include <zephyr/sys/util.h>

#include "rsb/options.hpp"

namespace rsb::zephyr {

constexpr SmallOptions options{
    .checks = IS_ENABLED(CONFIG_RSB_CHECKS_OFF) ? Checks::off : Checks::basic,
    .words = IS_ENABLED(CONFIG_RSB_WORDS),
    .statistics = IS_ENABLED(CONFIG_SYS_HEAP_RUNTIME_STATS),
    .null_for_zero = true,
};

// More than a heap takes in one piece is several, side by side.
constexpr size_t most_at_once = 8 * MiB;

}  // namespace rsb::zephyr
