// SPDX-License-Identifier: MIT OR Apache-2.0
// Where memory lies decides a branch here and there: a program that counts instructions wants the
// same addresses in every run.
#pragma once

#include <sys/personality.h>
#include <unistd.h>

namespace bench {

// Starts the program anew, with addresses that do not change from run to run. Where that is
// forbidden, the program goes on as it is.
inline void fix_addresses(char** arguments) {
  const int before = personality(0xffffffff);
  if (before == -1 || (before & ADDR_NO_RANDOMIZE) != 0) return;
  if (personality(static_cast<unsigned long>(before) | ADDR_NO_RANDOMIZE) == -1) return;
  execv("/proc/self/exe", arguments);
}

}  // namespace bench
