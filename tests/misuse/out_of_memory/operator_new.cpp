// SPDX-License-Identifier: MIT OR Apache-2.0
// Plain new is asked for more than there is; it can neither return null nor throw.
#include <cstddef>
#include <new>

int main() {
  volatile std::size_t too_much = ~std::size_t{0} / 4;
  ::operator delete(::operator new(too_much));
}
