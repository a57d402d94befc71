// SPDX-License-Identifier: MIT OR Apache-2.0
// A static object is resized as if it were a run of pages.
#include "rsb/rsb.h"

static long object;

int main() {
  return rsb_page_resize(&object, 2);
}
