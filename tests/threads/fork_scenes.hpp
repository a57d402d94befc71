// SPDX-License-Identifier: MIT OR Apache-2.0
// What the programs have in common that fork beside other threads. Nobody may hang: an alarm ends
// the program then.
#pragma once

#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>

namespace forks {

constexpr unsigned seconds_until_hung = 60;

inline std::atomic<bool> stop{false};

[[noreturn]] inline void fail(const char* what) {
  // No stdio: it may be locked.
  if (write(STDERR_FILENO, what, strlen(what)) < 0) _exit(3);
  if (write(STDERR_FILENO, "\n", 1) < 0) _exit(3);
  _exit(2);
}

inline void expect(bool holds, const char* what) {
  if (!holds) fail(what);
}

inline void expect_good_end(pid_t child) {
  expect(child > 0, "no child");
  int status = 0;
  expect(waitpid(child, &status, 0) == child, "waitpid failed");
  expect(WIFEXITED(status) && WEXITSTATUS(status) == 0, "a child did not end well");
}

// A thread that runs its work until the scene ends.
class Thread {
 public:
  explicit Thread(void (*work)()) {
    const auto repeat = [](void* function) -> void* {
      while (!stop) reinterpret_cast<void (*)()>(function)();
      return nullptr;
    };
    expect(pthread_create(&thread_, nullptr, repeat, reinterpret_cast<void*>(work)) == 0,
           "pthread_create failed");
  }
  ~Thread() {
    stop = true;
    pthread_join(thread_, nullptr);
  }
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;

 private:
  pthread_t thread_;
};

inline void do_nothing() {
  usleep(1000);
}

// Locks are not fair: who takes the same one again at once keeps others out.
inline void give_way() {
  usleep(20);
}

}  // namespace forks
