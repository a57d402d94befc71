// SPDX-License-Identifier: MIT OR Apache-2.0
// With checks `full`: who handled accesses before the library did is called after its report, and
// alone for what is none of its blocks; and what somebody sends ends the process as ever.
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rsb/rsb.h"

namespace {

void leave(int, siginfo_t* info, void*) {
  _exit(info->si_code == SEGV_ACCERR ? 7 : 8);
}

// Before the library's own, whose constructors are of priority 101.
#pragma GCC diagnostic ignored "-Wprio-ctor-dtor"
[[gnu::constructor(100)]] void handle_first() {
  struct sigaction action {};
  action.sa_sigaction = leave;
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGSEGV, &action, nullptr);
}

// What the child writes to standard error; its status in *status.
template <class Do>
const char* said_by(Do child, int* status) {
  static char text[4096];
  int ends[2];
  if (pipe(ends) != 0) return "no pipe";
  const pid_t process = fork();
  if (process == 0) {
    dup2(ends[1], STDOUT_FILENO);  // where standard output goes, standard error may go
    dup2(ends[1], STDERR_FILENO);
    child();
    _exit(0);
  }
  close(ends[1]);
  size_t length = 0;
  for (ssize_t got; (got = read(ends[0], text + length, sizeof text - 1 - length)) > 0;) {
    length += static_cast<size_t>(got);
  }
  text[length] = '\0';
  close(ends[0]);
  waitpid(process, status, 0);
  return text;
}

bool is(const char* what, bool holds) {
  if (!holds) printf("not so: %s\n", what);
  return holds;
}

}  // namespace

int main() {
  bool all = true;
  int status = 0;
  auto* const block = static_cast<volatile char*>(rsb_malloc(100'000));
  const char* said = said_by([&] { block[100'016] = 1; }, &status);
  all &=
      is("an access behind a block is reported", strstr(said, "access behind a block") != nullptr);
  all &= is("and passed on", WIFEXITED(status) && WEXITSTATUS(status) == 7);

  auto* const other = static_cast<volatile char*>(
      mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
  said = said_by([&] { *other = 1; }, &status);
  all &= is("another access is not reported", *said == '\0');
  all &= is("but passed on", WIFEXITED(status) && WEXITSTATUS(status) == 7);

  said = said_by([] { raise(SIGSEGV); }, &status);
  all &= is("a signal that was sent is not reported", *said == '\0');
  all &= is("but passed on, too", WIFEXITED(status) && WEXITSTATUS(status) == 8);
  return all ? 0 : 1;
}
