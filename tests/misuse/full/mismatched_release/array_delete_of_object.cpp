// SPDX-License-Identifier: MIT OR Apache-2.0
// What new has made is deleted as an array.
#include <new>

#include "rsb/rsb.h"

int main() {
  int* const block = new int;
  ::operator delete[](block);
}
