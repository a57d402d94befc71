// SPDX-License-Identifier: MIT OR Apache-2.0
#define DOCTEST_CONFIG_IMPLEMENT
#include "support/test.hpp"

#ifdef RSB_CALLS_IN_TURN
#include "support/calls_in_turn.hpp"
#endif

int main(int argc, char** argv) {
  doctest::Context context(argc, argv);
#ifdef RSB_CALLS_IN_TURN
  if (const char* const which = getenv("RSB_FAIL"))
    return support::CallsInTurn::run(context, which);
#endif
  return context.run();
}
