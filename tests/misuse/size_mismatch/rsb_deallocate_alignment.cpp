// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb_deallocate is told another alignment.
#include "rsb/rsb.h"

int main() {
  rsb_deallocate(rsb_allocate(48, 16), 48, 64);
}
