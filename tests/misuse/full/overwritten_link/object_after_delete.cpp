// SPDX-License-Identifier: MIT OR Apache-2.0
// A member of a deleted object is assigned to.
#include <new>

#include "rsb/rsb.h"

int main() {
  struct Object {
    long members[10];
  };
  Object* const object = new Object{};
  delete object;
  object->members[7] = 1;
  rsb_trim();
}
