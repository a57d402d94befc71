// SPDX-License-Identifier: MIT OR Apache-2.0
// In the shared library: by these names a process ends that runs neither exit's handlers nor any
// destructors. They stand before the C library's in the order of look-up. (exit() and quick_exit()
// do not call them by name.)
#include <dlfcn.h>
#include <stdlib.h>
#include <unistd.h>

#include "report.hpp"

namespace {

using Exit = void(int status);

// The C library's, or whose ever is the next. Looked for at the start: a signal handler may end the
// process, or the child of vfork, which must not change a thing.
struct Next {
  const char* name;
  Exit* found = nullptr;

  Exit* find() const noexcept { return reinterpret_cast<Exit*>(dlsym(RTLD_NEXT, name)); }
};
constinit Next next_exit{"_exit"};
constinit Next next_exit_of_c{"_Exit"};

[[gnu::constructor(101)]] void start() {
  next_exit.found = next_exit.find();
  next_exit_of_c.found = next_exit_of_c.find();
}

[[noreturn]] void end(const Next& next, int status) noexcept {
  rsb::platform::report();
  Exit* const go = next.found != nullptr ? next.found : next.find();
  if (go != nullptr) go(status);
  __builtin_trap();
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

void _exit(int status) {
  end(next_exit, status);
}

void _Exit(int status) noexcept {
  end(next_exit_of_c, status);
}

}  // extern "C"
#pragma GCC visibility pop
