// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb::new: what new makes comes from rsbmalloc, and what malloc makes does not. Whatever C++ the
// program is written in.
#include <cstdlib>
#include <memory>
#include <string>

#include "live.h"

static_assert(__cplusplus == 201103L, "the library has chosen another language for the program");

int main() {
  const size_t before = live();
  std::unique_ptr<int> number(new int(1));
  if (live() != before + 1) return 1;

  std::unique_ptr<std::string> text(
      new std::string("allocated inside the C++ library, for its length"));
  if (live() != before + 3) return 2;

  void* const block = used(std::malloc(100));
  if (live() != before + 3) return 3;
  std::free(block);

  number.reset();
  text.reset();
  return live() == before ? 0 : 4;
}
