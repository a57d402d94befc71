#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# libklibc-dev 2.0.12-1 (the C library of initial RAM disks): a library for the smallest of programs, whose smallest
# block is one of the largest. On x86-64 the header of a block takes 32 bytes and blocks are multiples of 32, so that
# one byte costs 64, as 32 do. And malloc(0) is null, which is a success: errno stays.
#
# Seen: 64 bytes from one block to the next for 1 and for 32 bytes, 96 for 33; null and errno 0 for none.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
package() {
  apt-get -qq -o APT::Sandbox::User=root download "$1=$2"
  dpkg -x "$1"_*.deb root
  rm "$1"_*.deb
}
package libklibc-dev 2.0.12-1

cat > probe.c << 'C'
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static volatile size_t none = 0;

static void show(size_t size) {
  char* blocks[8];
  for (int i = 0; i < 8; i++) blocks[i] = malloc(size);
  const long step = (long)(blocks[7] - blocks[6]);
  printf("%u: %ld\n", (unsigned)size, step < 0 ? -step : step);
}

int main(void) {
  show(1);
  show(32);
  show(33);
  errno = 0;
  void* const block = malloc(none);
  printf("0: %s, errno %d\n", block ? "block" : "null", errno);
  return 0;
}
C
k=root/usr/lib/klibc
cc -O1 -fno-builtin -w -nostdinc -D__KLIBC__=2 -D__KLIBC_MINOR__=0 -D_BITSIZE=64 \
  -I $k/include/arch/x86_64 -I $k/include/bits64 -I $k/include -isystem "$(cc -print-file-name=include)" \
  -isystem /usr/include/x86_64-linux-gnu -isystem /usr/include -fno-pie -fno-stack-protector \
  -nostdlib -static -no-pie probe.c $k/lib/crt0.o $k/lib/libc.a -lgcc $k/lib/libc.a -o probe
./probe > seen
cat > expected << 'E'
1: 64
32: 64
33: 96
0: null, errno 0
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
