// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/fault.hpp: the names of faults, and the hook.
#include "rsb/fault.hpp"

#include <string.h>

#include "support/test.hpp"

using namespace rsb;

namespace {

constexpr Fault all_faults[] = {
    Fault::double_free,        Fault::foreign_pointer,
    Fault::interior_pointer,   Fault::misaligned_pointer,
    Fault::size_mismatch,      Fault::overwritten_link,
    Fault::bad_pages,          Fault::page_size_too_small,
    Fault::out_of_memory,      Fault::call_inside_call,
    Fault::overflow,           Fault::underflow,
    Fault::mismatched_release, Fault::damaged_descriptor,
};

}  // namespace

TEST_CASE("every fault has a sentence of its own") {
  for (const Fault a : all_faults) {
    REQUIRE(fault_name(a) != nullptr);
    CHECK(strlen(fault_name(a)) > 5);
    CHECK(strcmp(fault_name(a), "unknown fault") != 0);
    for (const Fault b : all_faults) {
      if (a != b) CHECK(strcmp(fault_name(a), fault_name(b)) != 0);
    }
  }
}

TEST_CASE("a number that is no fault has a sentence too") {
  CHECK(strcmp(fault_name(static_cast<Fault>(0)), "unknown fault") == 0);
  CHECK(strcmp(fault_name(static_cast<Fault>(1000)), "unknown fault") == 0);
}

TEST_CASE("faults of C and C++ are the same numbers, from 1 on without a gap") {
  int expected = 1;
  for (const Fault f : all_faults) CHECK(static_cast<int>(f) == expected++);
  CHECK(static_cast<int>(Fault::double_free) == RSB_DOUBLE_FREE);
  CHECK(static_cast<int>(Fault::out_of_memory) == RSB_OUT_OF_MEMORY);
  CHECK(static_cast<int>(Fault::call_inside_call) == RSB_CALL_INSIDE_CALL);
  CHECK(static_cast<int>(Fault::mismatched_release) == RSB_MISMATCHED_RELEASE);
  CHECK(static_cast<int>(Fault::damaged_descriptor) == RSB_DAMAGED_DESCRIPTOR);
}

TEST_CASE("raise calls the hook with the kind and the address") {
  int mark = 0;
  for (const Fault f : all_faults) {
    CHECK(support::fault_of([&] { raise(f, &mark); }) == static_cast<int>(f));
    CHECK(support::fault_address() == &mark);
  }
}

TEST_CASE("what raises nothing is not caught") {
  int mark = 0;
  CHECK(support::fault_of([&] { mark = 1; }) == support::no_fault);
  CHECK(mark == 1);
}
