// SPDX-License-Identifier: MIT OR Apache-2.0
// See kernel.h: the test calls it.
#pragma once

#define SYS_INIT(function, level, priority) \
  extern "C" int (*const test_begin)(void); \
  int (*const test_begin)(void) = function
