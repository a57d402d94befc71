#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# qemu-user 1:7.2+dfsg-7+deb12u18+b3: madvise says yes to nearly everything. Advice that Linux does not know, memory
# that is not mapped, pages that shall be there or go: all is 0, and of these only MADV_DONTNEED is done. So what a
# program tries, to see whether the system can do it, it finds; and memory that it was told it had filled
# (MADV_POPULATE_WRITE) or emptied (MADV_DONTNEED_LOCKED, Linux 5.18) is what it was.
#
# Seen (aarch64): advice 77: 0; unmapped: 0; emptied by 4: yes; by 24: 0, but no; filled by 23: 0, but none of its
# pages.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
installed() {
  there=$(dpkg-query -W -f '${Version}' "$1" 2> /dev/null || true)
  [ "$there" = "$2" ] || { echo "$0: needs $1 $2, here is: ${there:-none}" >&2 && exit 2; }
}
installed gcc-12-aarch64-linux-gnu 12.2.0-14cross1
installed libc6-dev-arm64-cross 2.36-8cross1
installed qemu-user 1:7.2+dfsg-7+deb12u18+b3

cat > probe.c << 'C'
#define _GNU_SOURCE
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

enum { size = 1 << 20, populate_write = 23, dontneed_locked = 24, unknown = 77 };

static char* map(void) {
  return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

int main(void) {
  char* const block = map();
  char* const gone = map();
  munmap(gone, size);
  printf("unknown: %d\n", madvise(block, size, unknown));
  printf("unmapped: %d\n", madvise(gone, size, MADV_DONTNEED));
  memset(block, 5, size);
  printf("MADV_DONTNEED: %d,", madvise(block, size, MADV_DONTNEED));
  printf(" then %d\n", block[100]);
  memset(block, 5, size);
  printf("MADV_DONTNEED_LOCKED: %d,", madvise(block, size, dontneed_locked));
  printf(" then %d\n", block[100]);
  char* const fresh = map();
  static unsigned char present[size / 4096];
  printf("MADV_POPULATE_WRITE: %d,", madvise(fresh, size, populate_write));
  const int known = mincore(fresh, size, present);
  int pages = 0;
  for (int i = 0; i < size / 4096; i++) pages += present[i] & 1;
  printf(" mincore %d, pages %d\n", known, pages);
  return 0;
}
C
aarch64-linux-gnu-gcc-12 -O1 -w -static probe.c -o probe
qemu-aarch64 ./probe > seen
cat > expected << 'E'
unknown: 0
unmapped: 0
MADV_DONTNEED: 0, then 0
MADV_DONTNEED_LOCKED: 0, then 5
MADV_POPULATE_WRITE: 0, mincore 0, pages 0
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
