#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# libc6 2.36-9+deb12u14: malloc_trim says 1, for memory that went back to the system, whenever some block of a page or
# more is free, be it long empty: it gives the same pages away with each call, and counts them each time. So "again until
# it says 0" never ends, and a program that logs how often it had something to trim logs how often it has called.
#
# Seen, with one free block, whose pages are in memory or not as mincore says: 16 before the first call, 0 before the
# second and third; 1 from each.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
package() {
  apt-get -qq -o APT::Sandbox::User=root download "$1=$2"
  dpkg -x "$1"_*.deb root
  rm "$1"_*.deb
}
package libc6 2.36-9+deb12u14

cat > probe.c << 'C'
#define _GNU_SOURCE
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { page = 4096, pages = 16 };

static int in_memory(char* first) {
  unsigned char states[pages];
  int count = 0;
  mincore(first, pages * page, states);
  for (int i = 0; i < pages; i++) count += states[i] & 1;
  return count;
}

int main(void) {
  static char buffer[1024];
  setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  char* const block = malloc((pages + 4) * page);
  void* const keeps_it_from_the_top = malloc(100);
  memset(block, 1, (pages + 4) * page);
  free(block);
  char* const first = (char*)(((uintptr_t)block + 2 * page) & -(uintptr_t)page);
  for (int i = 0; i < 3; i++) {
    const int before = in_memory(first);
    const int said = malloc_trim(0);
    printf("of %d pages %d in memory, malloc_trim: %d\n", pages, before, said);
  }
  return keeps_it_from_the_top == NULL;
}
C
cc -O1 -fno-builtin -w probe.c -o probe
libraries=$work/root/lib/x86_64-linux-gnu
"$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" ./probe > seen
cat > expected << 'END'
of 16 pages 16 in memory, malloc_trim: 1
of 16 pages 0 in memory, malloc_trim: 1
of 16 pages 0 in memory, malloc_trim: 1
END
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
