// SPDX-License-Identifier: MIT OR Apache-2.0
// The block comes from the C library's malloc.
#include <stdlib.h>

#include "rsb/rsb.h"

int main() {
  rsb_free(malloc(24));
}
