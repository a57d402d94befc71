// SPDX-License-Identifier: MIT OR Apache-2.0
// What new[] has made is deleted as one object.
#include <new>

#include "rsb/rsb.h"

int main() {
  int* const block = new int[5];
  ::operator delete(block);
}
