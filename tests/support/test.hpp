// SPDX-License-Identifier: MIT OR Apache-2.0
// What every unit test includes: doctest, and the means that the tests share.
//
// Tests without the suffix _hosted need neither an operating system nor exceptions, and at most 256
// KiB of memory for pages: they also run on bare metal.
#pragma once

#define DOCTEST_CONFIG_SUPER_FAST_ASSERTS  // less code at each assertion: faster to compile
#if !defined(__cpp_exceptions)             // bare metal
#define DOCTEST_CONFIG_NO_EXCEPTIONS_BUT_WITH_ALL_ASSERTS
#define DOCTEST_CONFIG_NO_POSIX_SIGNALS
#define DOCTEST_CONFIG_NO_MULTITHREADING
#define DOCTEST_CONFIG_COLORS_NONE
#endif
#include <doctest/doctest.h>

#include <initializer_list>

#include "rsb/fault.hpp"
#include "support/bytes.hpp"
#include "support/faults.hpp"

namespace support {

// As fault_of() answers.
constexpr int of(rsb::Fault fault) {
  return static_cast<int>(fault);
}

}  // namespace support
