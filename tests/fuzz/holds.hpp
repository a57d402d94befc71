// SPDX-License-Identifier: MIT OR Apache-2.0
// What a fuzzer does when something does not hold: it says which requests it has made, and ends.
#pragma once

#include <stdlib.h>

#include <iostream>

#include "fuzz/trial.hpp"

namespace fuzz {

[[noreturn]] inline void end(const char* sentence) {
  if (trial.tell != nullptr) trial.tell(std::cerr);
  std::cerr << "does not hold: " << sentence << std::endl;
  abort();
}

}  // namespace fuzz

#define HOLDS(...)                               \
  do {                                           \
    if (!(__VA_ARGS__)) fuzz::end(#__VA_ARGS__); \
  } while (false)
#define FAILS(sentence) fuzz::end(sentence)
