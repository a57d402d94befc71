// SPDX-License-Identifier: MIT OR Apache-2.0
// A visitor of rsb_walk() releases what it is shown, a large block.
#include "rsb/rsb.h"

int main() {
  if (rsb_malloc(100'000) == nullptr) return 1;
  const auto release = [](void* block, size_t, void*) {
    rsb_free(block);
    return 1;
  };
  rsb_walk(release, nullptr);
}
