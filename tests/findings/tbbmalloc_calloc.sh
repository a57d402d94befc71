#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# libtbbmalloc2 2021.8.0-2+deb12u1, its proxy preloaded: calloc zeroes exactly what was asked for. malloc_usable_size
# says that 112 bytes of a block of 97 may be used, and the last 15 of them still hold what an earlier owner wrote.
# (glibc, jemalloc, mimalloc and tcmalloc zero them, too.)
#
# Seen: 15 bytes that are not zero between the 97th and the 112th.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
package() {
  apt-get -qq -o APT::Sandbox::User=root download "$1=$2"
  dpkg -x "$1"_*.deb root
  rm "$1"_*.deb
}
package libtbbmalloc2 2021.8.0-2+deb12u1

cat > probe.c << 'C'
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(void) {
  char* block = malloc(97);
  memset(block, 0xff, malloc_usable_size(block));
  free(block);
  block = calloc(97, 1);
  const size_t usable = malloc_usable_size(block);
  int inside = 0, behind = 0;
  for (size_t i = 0; i < usable; i++) *(i < 97 ? &inside : &behind) += block[i] != 0;
  printf("usable %zu, not zero: %d inside, %d behind\n", usable, inside, behind);
  return 0;
}
C
cc -O1 -fno-builtin -w probe.c -o probe
libraries=$work/root/usr/lib/x86_64-linux-gnu
LD_LIBRARY_PATH=$libraries LD_PRELOAD=$libraries/libtbbmalloc_proxy.so.2 ./probe > seen
echo 'usable 112, not zero: 0 inside, 15 behind' > expected
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
