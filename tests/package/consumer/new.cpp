// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb::new: what new makes comes from rsbmalloc, and what malloc makes does not.
#include <cstdlib>
#include <memory>
#include <string>

#include "live.h"

int main() {
  const size_t before = live();
  auto number = std::make_unique<int>(1);
  if (live() != before + 1) return 1;

  auto text = std::make_unique<std::string>("allocated inside the C++ library, for its length");
  if (live() != before + 3) return 2;

  void* const block = used(std::malloc(100));
  if (live() != before + 3) return 3;
  std::free(block);

  number.reset();
  text.reset();
  return live() == before ? 0 : 4;
}
