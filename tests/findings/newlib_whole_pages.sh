#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# libnewlib-arm-none-eabi 3.3.0-1.3+deb12u1, the full one: its malloc asks sbrk for memory up to the next multiple of
# 4,096, as if a Cortex-M had pages. What RAM there is behind the last such address is never used, and on a small board
# that may be most of it: of 8,000 bytes that begin at a multiple it uses 4,096, of 4,095 none but the first 32, from
# which it serves one block, with errno ENOMEM. The nano one asks for what it needs, and uses all.
#
# Seen, taken from sbrk until 16 bytes are refused: full: 32 of 4095, 4096 of 8000, 8192 of 12287; nano: all but a few
# bytes.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
installed() {
  there=$(dpkg-query -W -f '${Version}' "$1" 2> /dev/null || true)
  [ "$there" = "$2" ] || { echo "$0: needs $1 $2, here is: ${there:-none}" >&2 && exit 2; }
}
installed gcc-arm-none-eabi 15:12.2.rel1-1
installed libnewlib-arm-none-eabi 3.3.0-1.3+deb12u1
installed qemu-user 1:7.2+dfsg-7+deb12u18+b3

cat > probe.c << 'C'
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static _Alignas(4096) char ram[RAM];
static size_t used;

void* _sbrk(ptrdiff_t more) {
  if (more > 0 && (size_t)more > sizeof ram - used) {
    errno = ENOMEM;
    return (void*)-1;
  }
  void* const old = ram + used;
  used += more;
  return old;
}

int main(void) {
  static char buffer[256];
  setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  errno = 0;
  const char* const first = malloc(1) != NULL ? "block" : "null";
  const int error = errno;
  while (malloc(16) != NULL) {
  }
  const size_t left = sizeof ram - used;
  if (left < 24) {
    printf("%u: all\n", (unsigned)sizeof ram);
  } else {
    printf("%u: %u, the first: %s, errno %d\n", (unsigned)sizeof ram, (unsigned)used, first, error);
  }
  return 0;
}
C
for library in rdimon 'nano.specs --specs=rdimon'; do
  for ram in 4095 8000 12287; do
    arm-none-eabi-gcc -O1 -fno-builtin -w -DRAM=$ram probe.c --specs=$library.specs -o probe
    echo "$library: $(qemu-arm ./probe)"
  done
done > seen
cat > expected << 'E'
rdimon: 4095: 32, the first: block, errno 12
rdimon: 8000: 4096, the first: block, errno 0
rdimon: 12287: 8192, the first: block, errno 0
nano.specs --specs=rdimon: 4095: all
nano.specs --specs=rdimon: 8000: all
nano.specs --specs=rdimon: 12287: all
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
