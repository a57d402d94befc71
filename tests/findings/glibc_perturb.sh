#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# libc6 2.36-9+deb12u14: M_PERTURB (glibc.malloc.perturb), which shall fill blocks so that nobody leans on what is in
# them, does not fill those that come back from a thread's cache, which are most small ones. malloc fills a block that
# has never been used; the same block, freed and allocated again, still holds what its owner wrote. From the first size
# that the cache does not take (1,033 bytes), or without the cache (glibc.malloc.tcache_count=0), it is filled each
# time.
#
# Seen, of a block that was freed and comes again: 100 and 1000 bytes: old; 10000: filled; all of them filled without
# cache.
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
#include <string.h>

// The first bytes are the allocator's own while the block is free.
static const char* what(const unsigned char* block, size_t size) {
  size_t filled = 0, old = 0;
  for (size_t i = 16; i < size; i++) {
    filled += block[i] == 0x55;
    old += block[i] == 1;
  }
  return filled == size - 16 ? "filled" : old == size - 16 ? "old" : "other";
}

int main(void) {
  mallopt(M_PERTURB, 0xaa);  // malloc fills with the complement
  for (size_t size = 100; size <= 10000; size *= 10) {
    unsigned char* const first = malloc(size);
    const char* const at_first = what(first, size);
    memset(first, 1, size);
    free(first);
    unsigned char* const second = malloc(size);
    printf("%zu: %s, %s: %s\n", size, at_first, second == first ? "again" : "other", what(second, size));
  }
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
  echo without the cache
  GLIBC_TUNABLES=glibc.malloc.tcache_count=0 run
} > seen
cat > expected << 'END'
100: filled, again: old
1000: filled, again: old
10000: filled, again: filled
without the cache
100: filled, again: filled
1000: filled, again: filled
10000: filled, again: filled
END
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
