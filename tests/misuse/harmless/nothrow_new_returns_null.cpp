// SPDX-License-Identifier: MIT OR Apache-2.0
// Exhausted nothrow new and malloc return null: no fault.
#include <new>

#include "rsb/rsb.h"

int main() {
  volatile size_t too_much = size_t{1} << 60;
  if (::operator new(too_much, std::nothrow) != nullptr) return 1;
  if (::operator new[](too_much, std::nothrow) != nullptr) return 1;
  if (::operator new (too_much, std::align_val_t{64}, std::nothrow) != nullptr) return 1;
  if (rsb_malloc(too_much) != nullptr) return 1;
  return rsb_check() != nullptr;
}
