// SPDX-License-Identifier: MIT OR Apache-2.0
// How the property tests run: rapidcheck inside doctest. rapidcheck prints its seed and, on a
// failure, the shrunk case; repeat with RC_PARAMS="seed=…" in the environment.
#pragma once

#include <rapidcheck.h>
#include <stdlib.h>

#include "support/failing_call.hpp"
#include "support/test.hpp"

namespace property {

// Whether rapidcheck finds no counterexample.
template <class Testable>
bool holds(const char* sentence, Testable&& testable) {
  const bool one_call_fails = support::failing_call.is_on();
  setenv("RC_PARAMS", one_call_fails ? "max_success=20" : "max_success=" RSB_PROPERTY_CASES, 0);
  const bool holds = rc::check(sentence, static_cast<Testable&&>(testable));
  if (!holds) support::failing_call.complain(sentence);
  return holds;
}

// A sequence of requests, up to four times as long as rapidcheck would make it.
template <class Request>
std::vector<Request> sequence() {
  return *rc::gen::scale(4.0, rc::gen::container<std::vector<Request>>(
                                  rc::gen::resize(100, rc::gen::arbitrary<Request>())));
}

}  // namespace property
