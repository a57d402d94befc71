// SPDX-License-Identifier: MIT OR Apache-2.0
// The built instance has all that the platform adds to it, whatever least_config.hpp leaves out.
//   least_config fork    the lock is taken around fork
//   least_config fault   the default hook says what happened
#include "least_config.hpp"

#include <rsb/rsb.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char** argv) {
  using Lock = rsb::CountingLock;
  if (argc != 2 || rsb_aligned_alloc(3, 1) != nullptr) return 2;
  if (strcmp(argv[1], "fault") == 0) {
    int object;
    rsb_free(&object);
    return 3;
  }
  const int before = Lock::locked;
  const pid_t child = fork();
  const bool good = Lock::locked == before + 1 && Lock::unlocked == Lock::locked;
  if (child == 0) _exit(good ? 0 : 4);
  int status;
  if (waitpid(child, &status, 0) != child || status != 0) return 5;
  return good ? 0 : 6;
}
