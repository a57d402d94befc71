// SPDX-License-Identifier: MIT OR Apache-2.0
#define DOCTEST_CONFIG_IMPLEMENT
#include "support/test.hpp"

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
  return context.run();
}
