#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# qemu-system-arm 1:7.2+dfsg-7+deb12u18+b3, mps2-an385 and mps2-an386: 8 MiB answer from 0 and 8 from 0x20000000, and 4
# of each are the others once more. What is stored at 0x20000000 is read at 0x20400000; no store faults, and a test that
# writes and reads one word at a time, to find out how much there is, finds all of it. A heap that is given the 8 MiB
# gives each byte to two blocks. The 16 MiB from 0x21000000 are there once.
#
# Seen, of two words 4 MiB apart that are stored with 1 and 2: the first is 2 then, at 0x00300000 and 0x20300000; 1 at
# 0x21300000.
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
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void store(uintptr_t address) {
  volatile uint32_t* const first = (volatile uint32_t*)address;
  volatile uint32_t* const second = (volatile uint32_t*)(address + (4 << 20));
  *first = 1;
  *second = 2;
  printf("%08lx: %lu, %lu\n", (unsigned long)address, (unsigned long)*first, (unsigned long)*second);
}

int main(void) {
  store(0x00300000);
  store(0x20300000);
  store(0x21300000);
  fflush(stdout);
  exit(0);
}
C
for board in 'mps2-an385 cortex-m3' 'mps2-an386 cortex-m4'; do
  arm-none-eabi-gcc -O1 -w -mcpu="${board#* }" -mthumb --specs=picolibc.specs --crt0=hosted --oslib=semihost \
    -Wl,--defsym=__flash=0,--defsym=__flash_size=1M,--defsym=__ram=0x20000000,--defsym=__ram_size=64K probe.c -o probe
  echo "${board% *}"
  timeout 60 qemu-system-arm -M "${board% *}" -kernel probe -nographic -serial none -monitor none \
    -semihosting-config enable=on,target=native 2>&1
done > seen
cat > expected << 'E'
mps2-an385
00300000: 2, 2
20300000: 2, 2
21300000: 1, 2
mps2-an386
00300000: 2, 2
20300000: 2, 2
21300000: 1, 2
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
