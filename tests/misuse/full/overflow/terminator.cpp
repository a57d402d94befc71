// SPDX-License-Identifier: MIT OR Apache-2.0
// A string's terminator has no room.
#include <string.h>

#include "rsb/rsb.h"

int main() {
  const char text[] = "sixteen letters.";
  char* const block = static_cast<char*>(rsb_malloc(sizeof text - 1));
  memcpy(block, text, sizeof text);
  rsb_free(block);
}
