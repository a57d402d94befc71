// SPDX-License-Identifier: MIT OR Apache-2.0
// A signal handler allocates, and interrupts one of two threads in all places.
#include <pthread.h>
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include "rsb/rsb.h"

int main() {
  sigset_t alarm;
  sigemptyset(&alarm);
  sigaddset(&alarm, SIGALRM);
  pthread_sigmask(SIG_BLOCK, &alarm, nullptr);
  pthread_t other;
  const auto sleep_on = [](void*) -> void* {
    for (;;) pause();
  };
  if (pthread_create(&other, nullptr, sleep_on, nullptr) != 0) return 1;
  pthread_sigmask(SIG_UNBLOCK, &alarm, nullptr);

  signal(SIGALRM, [](int) { rsb_free(rsb_malloc(20'000)); });
  const itimerval often{{0, 50}, {0, 50}};
  setitimer(ITIMER_REAL, &often, nullptr);
  for (;;) {
    rsb_free(rsb_malloc(100));
    rsb_free(rsb_malloc(20'000));
  }
}
