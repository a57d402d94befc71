// SPDX-License-Identifier: MIT OR Apache-2.0
// Does what must end the program at once, with a failure. Usage: exception <what>.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rsb/rsb.h"
#include "support/bytes.hpp"
#if __has_include("rsb/port/cores.hpp")
#include "rsb/port/cores.hpp"
#endif

namespace {

void write_to_null(void*) {
  *support::opaque(static_cast<volatile int*>(nullptr)) = 1;
}

void free_twice() {
  void* const block = support::opaque(rsb_malloc(10));
  rsb_free(block);
  rsb_free(block);
}

void write_to_null_on_another_core() {
#if __has_include("rsb/port/cores.hpp")
  if (rsb::port::start_core(1, write_to_null, nullptr)) rsb::port::wait_for_core(1);
#endif
}

}  // namespace

int main(int argc, char** argv) {
  // The last argument: picolibc puts a name of its own before the program's.
  const auto is = [&](const char* what) { return strcmp(argv[argc - 1], what) == 0; };
  printf("about to\n");
  if (is("null_pointer")) write_to_null(nullptr);
  if (is("bad_instruction")) __builtin_trap();
  if (is("abort")) abort();
  if (is("double_free")) free_twice();
  if (is("on_another_core")) write_to_null_on_another_core();
  printf("still here\n");
  return 1;
}
