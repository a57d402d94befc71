// SPDX-License-Identifier: MIT OR Apache-2.0
// A byte behind what new has made.
#include <new>

#include "rsb/rsb.h"

int main() {
  char* const block = new char[33];
  block[33] = 1;
  delete[] block;
}
