// SPDX-License-Identifier: MIT OR Apache-2.0
// From a fault, whoever looks at the program's stack finds who has caused it.
#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "rsb/rsb.h"

namespace {

void* culprit = nullptr;  // where the function that frees twice would return to

void on_abort(int) {
  void* frames[64];
  const int count = backtrace(frames, 64);
  for (int i = 0; i < count; i++) {
    if (frames[i] == culprit) _exit(0);
  }
  fputs("the backtrace does not reach who freed twice:\n", stderr);
  backtrace_symbols_fd(frames, count, STDERR_FILENO);
  _exit(1);
}

[[gnu::noinline]] void free_twice(void* block) {
  culprit = __builtin_return_address(0);
  rsb_free(block);
  rsb_free(block);
}

}  // namespace

int main() {
  void* frames[1];
  if (backtrace(frames, 1) != 1) return 2;  // loads what it needs
  signal(SIGABRT, on_abort);
  free_twice(rsb_malloc(100));
  return 3;
}
