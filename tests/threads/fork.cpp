// SPDX-License-Identifier: MIT OR Apache-2.0
// fork in a program whose malloc is rsbmalloc's: no child and no parent hangs, and both can
// allocate afterwards. Usage: fork <scene>.
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

// There if malloc has been replaced.
extern "C" [[gnu::weak]] void* rsb_malloc(size_t);
extern "C" [[gnu::weak]] const char* rsb_check(void);

namespace {

constexpr int forks = 100;
constexpr int hammering_threads = 2;

std::atomic<bool> stop{false};
std::atomic<int> forked{0};
volatile sig_atomic_t inside_malloc = 0;
volatile sig_atomic_t interrupted_malloc = 0;
volatile sig_atomic_t is_child = 0;

[[noreturn]] void fail(const char* what) {
  // No stdio: it allocates.
  if (write(STDERR_FILENO, what, strlen(what)) < 0) _exit(3);
  if (write(STDERR_FILENO, "\n", 1) < 0) _exit(3);
  _exit(2);
}

void allocate_some(unsigned& state) {
  void* blocks[16] = {};
  for (void*& block : blocks) {
    state = state * 1664525u + 1013904223u;
    const size_t size = (state >> 8) % 64 == 0 ? (state >> 16) * 16 : (state >> 16) % 2000;
    inside_malloc = 1;
    block = malloc(size);
    inside_malloc = 0;
    if (block == nullptr) fail("malloc failed");
    memset(block, 1, size < 64 ? size : 64);
  }
  inside_malloc = 1;
  blocks[0] = realloc(blocks[0], 5000);
  for (void* block : blocks) free(block);
  for (int i = 0; i < 500; i++) free(malloc(100));
  inside_malloc = 0;
}

void* hammer(void* seed) {
  const size_t mark = reinterpret_cast<size_t>(seed) << 48;
  unsigned state = static_cast<unsigned>(reinterpret_cast<size_t>(seed));
  sigset_t signals;
  sigfillset(&signals);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  size_t* kept[50] = {};
  while (!stop) {
    for (size_t*& block : kept) {
      state = state * 1664525u + 1013904223u;
      if (block != nullptr && *block != (reinterpret_cast<size_t>(block) ^ mark)) {
        fail("a block was written to by another thread");
      }
      free(block);
      const size_t size = (state >> 16) % ((state >> 8) % 128 == 0 ? 200'000 : 500);
      block = static_cast<size_t*>(malloc(size + sizeof *block));
      *block = reinterpret_cast<size_t>(block) ^ mark;
    }
  }
  for (size_t* block : kept) free(block);
  return nullptr;
}

// Fails if the child does not end well within ten seconds.
void expect_good_end(pid_t child) {
  if (child < 0) fail("fork failed");
  int status = 0;
  for (int milliseconds = 0; milliseconds < 10'000; milliseconds++) {
    const pid_t ended = waitpid(child, &status, WNOHANG);
    if (ended == child) {
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
      fail(WIFSIGNALED(status) ? "a child was killed" : "a child failed");
    }
    if (ended < 0) fail("waitpid failed");
    const timespec nap{0, milliseconds < 20 ? 100'000 : 1'000'000};
    nanosleep(&nap, nullptr);
  }
  kill(child, SIGKILL);
  fail("a child hangs");
}

[[noreturn]] void allocate_and_exit(unsigned state) {
  for (int i = 0; i < 3; i++) allocate_some(state);
  free(malloc(40 << 20));
  if (rsb_check() != nullptr) fail("an invariant does not hold in a child");
  _exit(0);
}

void fork_once(unsigned seed) {
  const pid_t child = fork();
  if (child == 0) allocate_and_exit(seed);
  expect_good_end(child);
}

void* fork_many_times(void*) {
  sigset_t signals;
  sigfillset(&signals);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  unsigned state = 99;
  while (forked < forks) {
    fork_once(static_cast<unsigned>(forked++));
    allocate_some(state);
  }
  return nullptr;
}

timer_t timer;

// Once, some time from now: a signal that comes at a fixed rate would leave no time between two
// forks.
void set_timer() {
  static unsigned state = 1;
  state = state * 1664525u + 1013904223u;
  const itimerspec soon{{0, 0}, {0, 50'000 + static_cast<long>(state >> 14)}};
  timer_settime(timer, 0, &soon, nullptr);
}

void start_timer(void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(SIGUSR1, &action, nullptr);
  sigevent event = {};
  event.sigev_notify = SIGEV_SIGNAL;
  event.sigev_signo = SIGUSR1;
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) fail("timer_create failed");
  set_timer();
}

void fork_and_exit(int) {
  if (is_child) return;
  if (inside_malloc) interrupted_malloc = interrupted_malloc + 1;
  const pid_t child = fork();
  if (child == 0) _exit(0);
  forked++;
  expect_good_end(child);
  set_timer();
}

// The child goes on with what the signal interrupted, and notices in the main loop that it is a
// child.
void fork_and_return(int) {
  if (is_child) return;
  if (inside_malloc) interrupted_malloc = interrupted_malloc + 1;
  const pid_t child = fork();
  if (child == 0) {
    is_child = 1;
    return;
  }
  forked++;
  expect_good_end(child);
  set_timer();
}

class Threads {
 public:
  void start(void* (*work)(void*), int count) {
    for (int i = 0; i < count; i++) {
      if (pthread_create(&threads_[count_++], nullptr, work,
                         reinterpret_cast<void*>(static_cast<size_t>(i + 1))) != 0) {
        fail("pthread_create failed");
      }
    }
  }
  void join() {
    stop = true;
    for (int i = 0; i < count_; i++) pthread_join(threads_[i], nullptr);
  }

 private:
  pthread_t threads_[8] = {};
  int count_ = 0;
};

void allocate_while_a_timer_forks(void (*handler)(int)) {
  start_timer(handler);
  unsigned state = 5;
  while (forked < forks || interrupted_malloc < forks / 4) {
    allocate_some(state);
    if (is_child) allocate_and_exit(state);
  }
  sigset_t signals;
  sigfillset(&signals);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) fail("usage: fork <scene>");
  if (&rsb_malloc == nullptr || &rsb_check == nullptr) fail("malloc is not rsbmalloc's");
  const auto scene = [&](const char* name) { return strcmp(argv[1], name) == 0; };
  Threads threads;
  if (scene("while_others_allocate")) {
    threads.start(hammer, hammering_threads);
    for (int i = 0; i < forks; i++) fork_once(static_cast<unsigned>(i));
  } else if (scene("from_two_threads")) {
    threads.start(hammer, 1);
    threads.start(fork_many_times, 2);
    while (forked < forks) usleep(1000);
  } else if (scene("in_a_signal_handler")) {
    allocate_while_a_timer_forks(fork_and_exit);
  } else if (scene("in_a_signal_handler_while_others_allocate")) {
    threads.start(hammer, hammering_threads);
    allocate_while_a_timer_forks(fork_and_exit);
  } else if (scene("in_a_signal_handler_that_returns")) {
    allocate_while_a_timer_forks(fork_and_return);
  } else if (scene("in_a_signal_handler_while_others_fork")) {
    threads.start(hammer, 1);
    threads.start(fork_many_times, 2);
    allocate_while_a_timer_forks(fork_and_exit);
  } else {
    fail("no such scene");
  }
  threads.join();
  if (rsb_check() != nullptr) fail("an invariant does not hold");
  printf("%d forks, %d of them in the middle of malloc\n", forked.load(), int{interrupted_malloc});
}
