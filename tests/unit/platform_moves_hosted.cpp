// SPDX-License-Identifier: MIT OR Apache-2.0
// platform/<name>/rsb/platform.hpp of the systems that can move pages; beside
// platform_pages_hosted.cpp.
#include "rsb/platform.hpp"

#include "rsb/page_source.hpp"
#include "support/test.hpp"
#include "support/virtual_memory.hpp"

using namespace rsb;
using support::last_error;
using support::set_last_error;

namespace {

using Pages = platform::Pages;

constexpr int untouched = 4242;

}  // namespace

TEST_CASE("the platform's pages can be moved") {
  CHECK(MovingSource<Pages>);
}

TEST_CASE("moved pages bring their contents, and leave zeroes where they were") {
  const bool leave_memory = support::moves_leave_memory();
  Pages pages;
  char* const from = static_cast<char*>(pages.acquire(1 * MiB, 16 * KiB));
  char* const to = static_cast<char*>(pages.acquire(3 * MiB, 2 * MiB));
  REQUIRE((from != nullptr && to != nullptr));
  support::fill_pattern(from, 1 * MiB, 1);
  support::fill(to, 3 * MiB, 0xff);
  CHECK(pages.move(from, 1 * MiB, to) == Move::done);
  CHECK(support::holds_pattern(to, 1 * MiB, 1));
  CHECK(support::holds_only(to + 1 * MiB, 2 * MiB, 0xff));
  if (leave_memory) {
    CHECK(support::holds_only(from, 1 * MiB, 0));
    from[0] = from[1 * MiB - 1] = 1;
  } else {
    MESSAGE("this emulator loses what pages leave when they move: only their contents are seen");
  }
  CHECK(pages.release(from, 1 * MiB));
  CHECK(pages.release(to, 3 * MiB));
}

TEST_CASE("a move from where nothing is says so, and the last error stays") {
  Pages pages;
  char* const from = static_cast<char*>(pages.acquire(1 * MiB, 16 * KiB));
  char* const to = static_cast<char*>(pages.acquire(1 * MiB, 16 * KiB));
  REQUIRE((from != nullptr && to != nullptr));
  support::fill(to, 1 * MiB, 7);
  set_last_error(untouched);
  CHECK(pages.move(from + 1, 1 * MiB - 4 * KiB, to) == Move::refused);
  CHECK(last_error() == untouched);
  CHECK(pages.release(from, 1 * MiB));
  CHECK(pages.release(to, 1 * MiB));
}
