#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# libc6 2.36-9+deb12u14: mallinfo2 (and mallinfo) counts freed blocks among those in use. Up to seven of each size below
# 1,033 bytes stay with the thread that freed them, and are "allocated" (uordblks) as before; malloc_trim does not
# change that. A test that looks for a leak by this number finds one where there is none, for at most seven blocks of a
# size. Without that cache (glibc.malloc.tcache_count=0) the number falls.
#
# Seen, of seven blocks of 1000 bytes: 7056 more when they are allocated, 7056 when they are freed, 7056 after
# malloc_trim; 7056, 0 and 0 without the cache.
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
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  static char buffer[1024];
  setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  void* blocks[7];
  free(malloc(1));
  const size_t before = mallinfo2().uordblks;
  for (int i = 0; i < 7; i++) blocks[i] = malloc(1000);
  const size_t allocated = mallinfo2().uordblks;
  for (int i = 0; i < 7; i++) free(blocks[i]);
  const size_t freed = mallinfo2().uordblks;
  malloc_trim(0);
  const size_t trimmed = mallinfo2().uordblks;
  printf("allocated %zu, freed %zu, trimmed %zu\n", allocated - before, freed - before, trimmed - before);
  return 0;
}
C
cc -O1 -fno-builtin -w probe.c -o probe
libraries=$work/root/lib/x86_64-linux-gnu
run() {
  "$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" ./probe
}
{
  run
  GLIBC_TUNABLES=glibc.malloc.tcache_count=0 run
} > seen
cat > expected << 'END'
allocated 7056, freed 7056, trimmed 7056
allocated 7056, freed 0, trimmed 0
END
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
