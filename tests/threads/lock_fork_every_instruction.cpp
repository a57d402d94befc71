// SPDX-License-Identifier: MIT OR Apache-2.0
// A signal handler that forks, after each instruction of another fork: what the built instance does
// before and after it (fork.cpp), and what takes the heap's lock in between. Each in a process of
// its own, which an alarm ends if the handler waits for ever, or afterwards another thread does.
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "rsb/rsb.h"
#include "support/test.hpp"
#include "support/trap_flag.hpp"

namespace {

using Handler = void (*)();

Handler prepare, go_on_in_parent, go_on_in_child;

bool are_signals_blocked = false;

}  // namespace

// Instead of the C library's, which forks for us without them.
extern "C" int __register_atfork(Handler before, Handler in_parent, Handler in_child,
                                 void*) noexcept {
  if (prepare != nullptr) return 0;
  prepare = before;
  go_on_in_parent = in_parent;
  go_on_in_child = in_child;
  return 0;
}

// A trap while its signal is blocked would end the process: so it is as if.
extern "C" int pthread_sigmask(int how, const sigset_t* set, sigset_t* before) noexcept {
  if (before != nullptr) {
    sigemptyset(before);
    if (are_signals_blocked) sigaddset(before, SIGTRAP);
  }
  if (how == SIG_SETMASK || sigismember(set, SIGTRAP) != 0) {
    are_signals_blocked = how != SIG_UNBLOCK && sigismember(set, SIGTRAP) != 0;
  }
  return 0;
}

// Handlers that fork just when these are at work are a matter of the C library's.
extern "C" void _IO_list_lock() {}
extern "C" void _IO_list_unlock() {}
extern "C" void _IO_list_resetlock() {}

namespace {

enum class Stepped { fork_in_parent, end_in_child, allocation };
enum class Process { parent, child };
enum class Threads { one, several };

long instructions = -1;  // until the handler forks, of those after which it may; below 0: it has
Process handlers_fork;

void step(int, siginfo_t*, void* context) noexcept {
  if (instructions >= 0) {
    if (are_signals_blocked || instructions-- != 0) return;
    prepare();
    handlers_fork == Process::parent ? go_on_in_parent() : go_on_in_child();
  }
  auto& flags = static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_EFL];
  flags &= ~greg_t{0x100};
}

// Takes the heap's lock.
[[gnu::noinline]] void allocate() {
  rsb_free(rsb_malloc(size_t{256} << 10));
}

[[gnu::noinline]] void fork_meanwhile(Stepped stepped) {
  switch (stepped) {
    case Stepped::fork_in_parent:
      support::set_trap_flag();
      prepare();
      go_on_in_parent();
      support::clear_trap_flag();
      break;
    case Stepped::end_in_child:
      prepare();
      support::set_trap_flag();
      go_on_in_child();
      support::clear_trap_flag();
      break;
    case Stepped::allocation:
      prepare();
      support::set_trap_flag();
      allocate();
      support::clear_trap_flag();
      go_on_in_parent();
      break;
  }
}

constexpr unsigned seconds = 20;
constexpr int was_interrupted = 0;
constexpr int was_not_interrupted = 1;

bool is_over;

void* trim_when_it_is_over(void*) {
  while (!__atomic_load_n(&is_over, __ATOMIC_ACQUIRE)) usleep(100);
  rsb_trim();  // takes the lock of the set of caches, too
  return nullptr;
}

int run(Stepped stepped, Threads threads) {
  alarm(seconds);
  pthread_t other;
  const auto begin = [&] { pthread_create(&other, nullptr, trim_when_it_is_over, nullptr); };
  if (threads == Threads::several) begin();
  fork_meanwhile(stepped);
  __atomic_store_n(&is_over, true, __ATOMIC_RELEASE);
  if (threads == Threads::one) begin();
  pthread_join(other, nullptr);
  rsb_trim();
  return instructions < 0 ? was_interrupted : was_not_interrupted;
}

// What wait() says of it.
int run_in_a_process(Stepped stepped, Threads threads, long handler_at) {
  const pid_t child = fork();
  if (child == 0) {
    instructions = handler_at;
    _exit(run(stepped, threads));
  }
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

void try_all(Stepped stepped) {
  REQUIRE((prepare != nullptr));
  struct sigaction action {};
  action.sa_sigaction = step;
  action.sa_flags = SA_SIGINFO;
  REQUIRE(sigaction(SIGTRAP, &action, nullptr) == 0);
  for (const Stepped once : {Stepped::fork_in_parent, Stepped::end_in_child, Stepped::allocation}) {
    fork_meanwhile(once);  // what is called is found, and so it is in all that are forked
  }
  for (const Threads threads : {Threads::one, Threads::several}) {
    for (const Process process : {Process::parent, Process::child}) {
      handlers_fork = process;
      long n = 0;
      int status;
      while ((status = run_in_a_process(stepped, threads, n)) == was_interrupted) n++;
      CAPTURE(threads == Threads::several);
      CAPTURE(process == Process::child);
      CAPTURE(n);
      CHECK_FALSE(WIFSIGNALED(status));  // SIGALRM: it waits for ever
      CHECK(WEXITSTATUS(status) == was_not_interrupted);
      CHECK(n > 20);
      MESSAGE(n, " instructions");
    }
  }
  signal(SIGTRAP, SIG_DFL);
}

}  // namespace

TEST_CASE("after any instruction of a fork a signal handler may fork") {
  try_all(Stepped::fork_in_parent);
}

TEST_CASE("after any instruction of a fork's end in the child a signal handler may fork") {
  try_all(Stepped::end_in_child);
}

TEST_CASE("after any instruction of an allocation within a fork a signal handler may fork") {
  try_all(Stepped::allocation);
}
