// SPDX-License-Identifier: MIT OR Apache-2.0
// A library that is finalised after others, and has a hasty end then.
#include <unistd.h>

__attribute__((destructor)) static void end(void) {
  _exit(9);
}
