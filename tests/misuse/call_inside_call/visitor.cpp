// SPDX-License-Identifier: MIT OR Apache-2.0
// A visitor of rsb_walk() allocates.
#include "rsb/rsb.h"

int main() {
  if (rsb_malloc(100) == nullptr) return 1;
  rsb_walk([](void*, size_t, void*) { return rsb_malloc(100) != nullptr ? 1 : 0; }, nullptr);
}
