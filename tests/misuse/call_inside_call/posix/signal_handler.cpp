// SPDX-License-Identifier: MIT OR Apache-2.0
// A signal handler allocates, and interrupts the program's only thread in all places.
#include <signal.h>
#include <sys/time.h>

#include "rsb/rsb.h"

int main() {
  signal(SIGALRM, [](int) { rsb_free(rsb_malloc(20'000)); });
  const itimerval often{{0, 50}, {0, 50}};
  setitimer(ITIMER_REAL, &often, nullptr);
  for (;;) {
    rsb_free(rsb_malloc(100));
    rsb_free(rsb_malloc(20'000));
  }
}
