// SPDX-License-Identifier: MIT OR Apache-2.0
// A derived object is deleted by a base without a virtual destructor.
#include <new>

#include "rsb/rsb.h"

int main() {
  struct Base {
    long a[11];  // so that both are of one size class
  };
  struct Derived : Base {
    char b;
  };
  Base* const object = new Derived{};
  delete object;
}
