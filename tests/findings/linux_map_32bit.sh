#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# linux-image-6.1.0-57-cloud-amd64 6.1.192-3, booted in QEMU 7.2: MAP_32BIT, "the first 2 GiB", gives addresses from 1
# GiB to 2 GiB only, less what randomization takes. A heap that wants its blocks in 31 bits is full after a half of
# them, though nothing is mapped below; all at once 1 GiB is refused at the start. An address as a hint that is below 1
# GiB is taken, with the same flag.
#
# Seen: 15 blocks of 64 MiB, none of them below 1 GiB, then ENOMEM (12); with hints below 1 GiB at least 10 more.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
installed() {
  there=$(dpkg-query -W -f '${Version}' "$1" 2> /dev/null || true)
  [ "$there" = "$2" ] || { echo "$0: needs $1 $2, here is: ${there:-none}" >&2 && exit 2; }
}
package() {
  apt-get -qq -o APT::Sandbox::User=root download "$1=$2"
  dpkg -x "$1"_*.deb root
  rm "$1"_*.deb
}
installed cpio 2.13+dfsg-7.1
installed qemu-system-x86 1:7.2+dfsg-7+deb12u18+b3
package linux-image-6.1.0-57-cloud-amd64 6.1.192-3

cat > init.c << 'C'
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/reboot.h>

enum { block = 64 << 20, gib = 1 << 30 };

static void* map(uintptr_t hint) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_32BIT;
  return mmap((void*)hint, block, PROT_NONE, flags, -1, 0);
}

int main(void) {
  int blocks = 0, low = 0, more = 0;
  for (void* p; (p = map(0)) != MAP_FAILED; blocks++) low += (uintptr_t)p < gib;
  printf("seen: %d blocks, %d below 1 GiB, then %d\n", blocks, low, errno);
  for (uintptr_t hint = gib / 4; hint < gib; hint += block) more += map(hint) == (void*)hint;
  // The program's brk may be in the way of two.
  printf("seen: %s where the hint was\n", more >= 10 ? "10 or more" : "fewer");
  fflush(stdout);
  reboot(RB_POWER_OFF);
}
C
cc -O1 -w -static init.c -o init
echo init | cpio --quiet -o -H newc > initrd
timeout 300 qemu-system-x86_64 -cpu max -m 1G -nic none -display none -serial stdio -monitor none -no-reboot \
  -kernel root/boot/vmlinuz-* -initrd initrd -append 'console=ttyS0 panic=-1 quiet cryptomgr.notests=1' \
  < /dev/null > log
tr -d '\r' < log | sed -n 's/^seen: //p' > seen
cat > expected << 'E'
15 blocks, 0 below 1 GiB, then 12
10 or more where the hint was
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
