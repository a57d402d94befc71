// SPDX-License-Identifier: MIT OR Apache-2.0
// A local variable is asked for its usable size.
#include "rsb/rsb.h"

int main() {
  long local = 0;
  return rsb_malloc_usable_size(&local) == 0;
}
