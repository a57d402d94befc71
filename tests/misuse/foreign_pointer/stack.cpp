// SPDX-License-Identifier: MIT OR Apache-2.0
// The pointer is the address of a local variable.
#include "rsb/rsb.h"

int main() {
  alignas(16) char local[64] = {};
  rsb_free(rsb_malloc(24));
  rsb_free(local);
}
