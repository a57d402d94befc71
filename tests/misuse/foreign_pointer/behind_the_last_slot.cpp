// SPDX-License-Identifier: MIT OR Apache-2.0
// The pointer lies in the span, behind its last slot.
#include "rsb/rsb.h"

int main() {
  char* block = nullptr;
  // 16 KiB hold 145 slots of 112 bytes; 144 bytes are left.
  for (int i = 0; i < 145; i++) {
    char* const next = static_cast<char*>(rsb_malloc(112));
    if (next > block) block = next;
  }
  char* const last = block + 112 + (-reinterpret_cast<size_t>(block + 112) & (rsb_page_size() - 1));
  rsb_free(last - 16);
}
