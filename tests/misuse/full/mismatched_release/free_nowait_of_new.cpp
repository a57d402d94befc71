// SPDX-License-Identifier: MIT OR Apache-2.0
// What new has made is given to the release of handlers.
#include "rsb/rsb.h"

int main() {
  rsb_free_nowait(new int(1));
}
