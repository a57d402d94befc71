// SPDX-License-Identifier: MIT OR Apache-2.0
// See kernel.h.
#pragma once

#include <zephyr/kernel.h>

#define __ASSERT(test, message) \
  do {                          \
    if (!(test)) k_panic();     \
  } while (0)
