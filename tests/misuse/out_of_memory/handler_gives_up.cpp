// SPDX-License-Identifier: MIT OR Apache-2.0
// The out-of-memory handler says that it freed something once, and then gives up.
#include <cstddef>
#include <new>

#include "rsb/rsb.h"

static int calls = 0;

int main() {
  rsb_set_out_of_memory_handler([](size_t) { return ++calls < 3 ? 1 : 0; });
  volatile std::size_t too_much = ~std::size_t{0} / 4;
  ::operator delete(::operator new(too_much));
}
