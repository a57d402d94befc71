// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/port/cores.hpp: the other cores.
#include "rsb/port/cores.hpp"

#include <errno.h>

#include <atomic>

#include "rsb/internal/machine/bits.hpp"
#include "support/parallel.hpp"
#include "support/test.hpp"

using namespace rsb::port;

TEST_CASE("there are the cores that the emulator was told to have") {
  CHECK(cores() == 4);
}

TEST_CASE("each core has a stack and an errno of its own, and computes") {
  struct Seen {
    void* stack = nullptr;
    int* address = nullptr;
    int error = 0;
    double root = 0;
  };
  Seen seen[4];
  errno = 100;
  support::parallel(4, [&](unsigned me) {
    char local = 0;
    seen[me].stack = support::opaque(static_cast<void*>(&local));
    seen[me].address = &errno;
    if (me != 0) seen[me].error = errno;  // zero: nobody has set it
    errno = static_cast<int>(100 + me);
    for (int i = 0; i < 10'000; i++) seen[me].root += support::opaque(0.25);
    if (errno != static_cast<int>(100 + me)) seen[me].error = -1;
  });
  CHECK(errno == 100);
  for (unsigned i = 0; i < 4; i++) {
    CHECK(seen[i].error == 0);
    CHECK(seen[i].root == 2'500);
    for (unsigned j = 0; j < i; j++) {
      CHECK(seen[i].address != seen[j].address);
      const size_t up = rsb::bytes_from(seen[i].stack, seen[j].stack);
      const size_t down = rsb::bytes_from(seen[j].stack, seen[i].stack);
      CHECK(rsb::smaller(up, down) > core_stack_bytes / 2);
    }
  }
}

TEST_CASE("what a core has written is seen by who waits for it, as often as it is started") {
  for (int round = 1; round <= 200; round++) {
    static int values[1000];
    const auto fill = [](void* context) {
      for (int& value : values) value = *static_cast<int*>(context);
    };
    REQUIRE(start_core(1 + static_cast<unsigned>(round % 3), fill, &round));
    wait_for_core(1 + static_cast<unsigned>(round % 3));
    bool all = true;
    for (const int value : values) all = all && value == round;
    CHECK(all);
  }
}

TEST_CASE("a core that is at work, this one, and those there are not cannot be started") {
  static std::atomic<bool> enough{false};
  const auto wait = [](void*) {
    while (!enough) support::yield();
  };
  REQUIRE(start_core(2, wait, nullptr));
  for (int i = 0; i < 100; i++) CHECK_FALSE(start_core(2, wait, nullptr));
  enough = true;
  wait_for_core(2);
  for (const unsigned core : {0u, 4u, most_cores - 1, most_cores, 1'000'000u}) {
    CHECK_FALSE(start_core(core, wait, nullptr));
  }
  CHECK(start_core(2, wait, nullptr));
  wait_for_core(2);
}
