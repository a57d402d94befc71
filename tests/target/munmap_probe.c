// SPDX-License-Identifier: MIT OR Apache-2.0
// Gives back the second 4 KiB of a mapping: says what becomes of it, and leaves the judgement to
// the test.
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

int main(void) {
  char* const base =
      mmap(NULL, 64 << 10, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) return 1;
  errno = 0;
  const int result = munmap(base + 4096, 4096);
  printf("munmap of 4 KiB: %s\n", result == 0 ? "done" : strerror(errno));
  return 0;
}
