// SPDX-License-Identifier: MIT OR Apache-2.0
// What new has made is freed.
#include <new>

#include "rsb/rsb.h"

int main() {
  rsb_free(new int);
}
