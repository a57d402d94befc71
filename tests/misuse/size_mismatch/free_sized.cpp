// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb_free_sized is told another size.
#include "rsb/rsb.h"

int main() {
  rsb_free_sized(rsb_malloc(100), 10);
}
