// SPDX-License-Identifier: MIT OR Apache-2.0
#include <stddef.h>

size_t its_blocks(void);

int main(void) {
  return its_blocks() == 1 ? 0 : 1;
}
