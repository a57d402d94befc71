// SPDX-License-Identifier: MIT OR Apache-2.0
// The pointer is a constant that no system maps.
#include "rsb/rsb.h"

int main() {
  rsb_free(reinterpret_cast<void*>(size_t{0xdeadbee0}));
}
