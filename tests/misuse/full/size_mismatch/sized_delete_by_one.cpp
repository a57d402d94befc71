// SPDX-License-Identifier: MIT OR Apache-2.0
// Sized delete is told a byte less than new was.
#include <new>

#include "rsb/rsb.h"

int main() {
  void* const block = ::operator new(100);
  ::operator delete (block, std::size_t{99});
}
