// SPDX-License-Identifier: MIT OR Apache-2.0
// What new has made is to grow by realloc().
#include <new>

#include "rsb/rsb.h"

int main() {
  (void)!rsb_realloc(new int, 100);
}
