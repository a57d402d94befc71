// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb::Allocator is asked for more than there is: containers cannot be told.
#include "rsb/allocator.hpp"

int main() {
  volatile size_t too_many = ~size_t{0} / 4;
  return rsb::Allocator<long>().allocate(too_many) == nullptr;
}
