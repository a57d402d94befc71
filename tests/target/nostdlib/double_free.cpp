// SPDX-License-Identifier: MIT OR Apache-2.0
// The default fault hook of a program without a C library: says what happened, and traps.
#include "runtime.hpp"

void destroy(const int* object) {
  delete object;
}

extern "C" int main() {
  const int* volatile object = new int(3);
  destroy(object);
  destroy(object);
  return 0;
}
