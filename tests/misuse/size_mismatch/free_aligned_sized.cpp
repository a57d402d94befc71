// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb_free_aligned_sized is told another alignment.
#include "rsb/rsb.h"

int main() {
  rsb_free_aligned_sized(rsb_aligned_alloc(256, 100), 32, 100);
}
