// SPDX-License-Identifier: MIT OR Apache-2.0
// What malloc() has made is deleted.
#include <new>

#include "rsb/rsb.h"

int main() {
  ::operator delete(rsb_malloc(8));
}
