// SPDX-License-Identifier: MIT OR Apache-2.0
// The pointer is a block's, but for a bit above those that an address has.
#include "rsb/rsb.h"

int main() {
  void* const block = rsb_malloc(24);
  rsb_free(reinterpret_cast<void*>(reinterpret_cast<size_t>(block) | size_t{1} << 62));
}
