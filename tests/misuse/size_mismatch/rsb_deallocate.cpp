// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb_deallocate is told another size.
#include "rsb/rsb.h"

int main() {
  rsb_deallocate(rsb_allocate(4, 4), 8, 4);
}
