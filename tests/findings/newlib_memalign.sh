#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# libnewlib-arm-none-eabi 3.3.0-1.3+deb12u1: the two mallocs of one package disagree on memalign with an alignment
# that is no power of two. The nano one gives null, and leaves errno as it was. The full one gives a block that is
# aligned neither to that nor to the next power of two, but to 8, and to 24 by chance.
#
# Seen (semihosting, in qemu-arm of qemu-user 7.2): full: 20 blocks of 20, of which 10 are multiples of 24; nano:
# none, errno 0.
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
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>

int main(void) {
  uintptr_t bits = 0;
  int blocks = 0, of_24 = 0;
  errno = 0;
  for (int i = 0; i < 20; i++) {
    void* const block = memalign(24, 100);
    if (block == NULL) continue;
    blocks++;
    of_24 += (uintptr_t)block % 24 == 0;
    bits |= (uintptr_t)block;
  }
  printf("%d blocks, errno %d, %d multiples of 24, all of %d\n", blocks, errno, of_24,
         (int)(bits & -bits));
  return 0;
}
C
for library in rdimon 'nano.specs --specs=rdimon'; do
  arm-none-eabi-gcc -O1 -w probe.c --specs=$library.specs -o probe
  echo "$library: $(qemu-arm ./probe)"
done > seen
cat > expected << 'E'
rdimon: 20 blocks, errno 0, 10 multiples of 24, all of 8
nano.specs --specs=rdimon: 0 blocks, errno 0, 0 multiples of 24, all of 0
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
