// SPDX-License-Identifier: MIT OR Apache-2.0
// When a process reports, and to whom: on standard error as it was at the start, since many
// programs close theirs at exit, before destructors run. So there is a duplicate. Some close that
// too, with all that they find, and what they open then may get its number: it is written to only
// if it is still the same file, or else if standard error is.
#include "report.hpp"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check_at_end.hpp"
#include "inside_call.hpp"
#include "instance.hpp"
#include "leaks.hpp"
#include "report_text.hpp"
#include "standard_error.hpp"

namespace {

using rsb::platform::KeepErrno;
using rsb::platform::NoCancellation;

// The process that has yet to report; 0: none. A child of vfork has another id than what it finds
// here, and so has one that was forked past the handlers, whose heap may be locked.
constinit pid_t reporter = 0;

// Kept from the start: what the program does to its arguments and its environment is its own.
using Write = void(int descriptor, const rsb::platform::Process& process) noexcept;
constinit Write* write_report = nullptr;
constinit int duplicate = -1;
constinit char program[256];

void report_in_child() noexcept {
  __atomic_store_n(&reporter, getpid(), __ATOMIC_RELAXED);
}

[[gnu::destructor(101)]] void end() {
  rsb::platform::report();
  rsb::platform::check_at_end();
}

// While there is one, what the thread writes in vain raises no signal: the process ends as it
// would have without a report.
class NoSignals {
 public:
  NoSignals() noexcept {
    sigset_t pending;
    sigpending(&pending);
    sigemptyset(&raised_);
    const int signals[] = {SIGPIPE, SIGXFSZ, SIGTTOU};
    for (const int signal : signals) {
      if (sigismember(&pending, signal) == 0) sigaddset(&raised_, signal);
    }
    pthread_sigmask(SIG_BLOCK, &raised_, &before_);
  }
  ~NoSignals() {
    const timespec none{};
    while (sigtimedwait(&raised_, nullptr, &none) > 0) continue;
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
  sigset_t raised_;
  sigset_t before_;
};

}  // namespace

void rsb::platform::prepare_report() noexcept {
  // Not for a program that has more rights than who started it.
  const char* const wanted = secure_getenv("RSB_STATS");
  if (wanted == nullptr || *wanted == '\0' || strcmp(wanted, "0") == 0) return;
  if (!is_first_standard_error(STDERR_FILENO)) return;  // there is none
  const KeepErrno keep_errno;
  const NoCancellation no_cancellation;  // dlopen() is no place for it
  write_report = strcmp(wanted, "json") == 0    ? write_json
                 : strcmp(wanted, "leaks") == 0 ? write_leaks
                                                : write_table;
  const char* const name = program_invocation_short_name;
  memcpy(program, name, rsb::smaller(strlen(name), sizeof program - 1));
  // A high number is out of the way of the program's own, unless the limit is below.
  duplicate = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 900);
  if (duplicate < 0) duplicate = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  reporter = getpid();
  pthread_atfork(nullptr, nullptr, report_in_child);
  at_quick_exit(report);  // what is registered later is called before
}

void rsb::platform::report() noexcept {
  pid_t process = __atomic_load_n(&reporter, __ATOMIC_RELAXED);
  if (process == 0) return;  // without a system call: a filter of theirs may forbid it
  if (process != getpid()) return;
  if (is_inside_call(rsb::instance)) return;
  if (!__atomic_compare_exchange_n(&reporter, &process, 0, false, __ATOMIC_RELAXED,
                                   __ATOMIC_RELAXED)) {
    return;
  }
  const KeepErrno keep_errno;
  const NoCancellation no_cancellation;  // exit() is no place for it
  int descriptor = duplicate;
  if (!is_first_standard_error(descriptor)) descriptor = STDERR_FILENO;
  if (!is_first_standard_error(descriptor)) return;
  const NoSignals no_signals;
  write_report(descriptor, {program, process});
}
