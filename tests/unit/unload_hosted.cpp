// SPDX-License-Identifier: MIT OR Apache-2.0
// The shared library, opened and closed again and again: a plugin may be linked to it.
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

#include "rsb/rsb.h"

#include "support/test.hpp"

namespace {

size_t mapped_bytes() {
  FILE* const file = fopen("/proc/self/statm", "r");
  REQUIRE(file != nullptr);
  size_t pages = 0;
  REQUIRE(fscanf(file, "%zu", &pages) == 1);
  fclose(file);
  return pages * static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

template <class F>
F* find(void* library, const char* name) {
  void* const function = dlsym(library, name);
  REQUIRE(function != nullptr);
  return reinterpret_cast<F*>(function);
}

// Opens it, uses it, closes it.
void use_library() {
  void* const library = dlopen(RSB_LIBRARY, RTLD_NOW | RTLD_LOCAL);
  REQUIRE(library != nullptr);
  const auto allocate = find<decltype(rsb_malloc)>(library, "rsb_malloc");
  const auto release = find<decltype(rsb_free)>(library, "rsb_free");
  void* const small = allocate(100);
  void* const large = allocate(100'000);
  CHECK(small != nullptr);
  CHECK(large != nullptr);
  release(small);
  release(large);
  CHECK(dlclose(library) == 0);
}

}  // namespace

TEST_CASE("who opens and closes the library fifty times has mapped no more than after the first") {
  use_library();
  const size_t before = mapped_bytes();
  for (int i = 0; i < 50; i++) use_library();
  CHECK(mapped_bytes() <= before + (size_t{1} << 20));
}
