// SPDX-License-Identifier: MIT OR Apache-2.0
// A library in C++ for a program in C, which does not see its C++ library.
#include <stdlib.h>

#include <new>

extern "C" int run() {
  ::operator delete (::operator new(100), size_t{100});
  return 0;
}

extern "C" int misuse() {
  ::operator delete (::operator new(100), size_t{1000});
  return 1;
}

// For who deletes what this has made, and the reverse.
extern "C" void* make() {
  return ::operator new(100);
}
extern "C" void release(void* block) {
  ::operator delete(block);
}
