#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# picolibc 1.8-1 (picolibc-arm-none-eabi): malloc, memalign and a realloc that moves fill what they return with zeroes,
# all of it, each time, as calloc must and as they need not. So a program that reads what it has not written works here,
# and on no other C library for long; and a buffer of n bytes that is about to be filled costs n bytes of memset first.
#
# Seen on QEMU's mps2-an385, of blocks that were full of 9 and freed: 0 bytes of 9 in malloc's, memalign's and
# realloc's.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
installed() {
  there=$(dpkg-query -W -f '${Version}' "$1" 2> /dev/null || true)
  [ "$there" = "$2" ] || { echo "$0: needs $1 $2, here is: ${there:-none}" >&2 && exit 2; }
}
installed gcc-arm-none-eabi 15:12.2.rel1-1
installed picolibc-arm-none-eabi 1.8-1
installed qemu-system-arm 1:7.2+dfsg-7+deb12u18+b3

cat > probe.c << 'C'
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int nines(const char* block, size_t from, size_t to) {
  int count = 0;
  for (size_t i = from; i < to; i++) count += block[i] == 9;
  return count;
}
// Whatever comes next is memory that has been used.
static void fill(void) {
  void* const block = malloc(8000);
  memset(block, 9, 8000);
  free(block);
}

int main(void) {
  fill();
  char* const plain = malloc(200);
  printf("malloc: %d\n", nines(plain, 0, 200));
  char* const aligned = memalign(256, 200);
  printf("memalign: %d\n", nines(aligned, 0, 200));
  char* small = malloc(40);
  malloc(4);
  memset(small, 1, 40);
  const uintptr_t before = (uintptr_t)small;
  small = realloc(small, 1000);
  printf("realloc: %s, %d\n", (uintptr_t)small == before ? "in place" : "moved", nines(small, 40, 1000));
  fflush(stdout);
  exit(0);
}
C
arm-none-eabi-gcc -O1 -fno-builtin -w -mcpu=cortex-m3 -mthumb --specs=picolibc.specs --crt0=hosted --oslib=semihost \
  -Wl,--defsym=__flash=0,--defsym=__flash_size=1M,--defsym=__ram=0x20000000,--defsym=__ram_size=64K \
  -Wl,--defsym=__stack_size=4K probe.c -o probe
timeout 60 qemu-system-arm -M mps2-an385 -kernel probe -nographic -serial none -monitor none \
  -semihosting-config enable=on,target=native > seen 2>&1
cat > expected << 'E'
malloc: 0
memalign: 0
realloc: moved, 0
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
