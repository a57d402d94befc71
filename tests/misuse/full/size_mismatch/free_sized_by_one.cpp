// SPDX-License-Identifier: MIT OR Apache-2.0
// free_sized() is told a byte more than malloc() was.
#include "rsb/rsb.h"

int main() {
  void* const block = rsb_malloc(33);
  rsb_free_sized(block, 34);
}
