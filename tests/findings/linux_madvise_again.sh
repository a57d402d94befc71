#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# linux-image-6.1.0-57-cloud-amd64 6.1.192-3, booted in QEMU 7.2: when a process has as many mappings as it may
# (vm.max_map_count), what would make one more by splitting one is refused: munmap of a piece and mprotect with ENOMEM,
# and the same reason from madvise is EAGAIN, as if it would go by. Who tries again, tries for ever. MADV_DONTNEED
# splits nothing, and serves.
#
# Seen of a page inside a mapping: munmap 12, mprotect 12, mlock 12; MADV_NOHUGEPAGE and MADV_DONTFORK 11; MADV_DONTNEED
# 0.
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
#include <stdio.h>
#include <sys/mman.h>
#include <sys/reboot.h>

static void say(const char* what, int result) {
  printf("seen: %s: %d\n", what, result == 0 ? 0 : errno);
}

int main(void) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  const size_t page = 4096;
  char* const block = mmap(NULL, 64 * page, PROT_READ | PROT_WRITE, flags, -1, 0);
  char* const many = mmap(NULL, 200000 * page, PROT_NONE, flags, -1, 0);
  for (char* p = many; mprotect(p, page, PROT_READ) == 0;) p += 2 * page;
  char* const inside = block + 9 * page;
  say("munmap", munmap(inside, page));
  say("mprotect", mprotect(inside, page, PROT_READ));
  say("mlock", mlock(inside, page));
  say("MADV_NOHUGEPAGE", madvise(inside, page, MADV_NOHUGEPAGE));
  say("MADV_DONTFORK", madvise(inside, page, MADV_DONTFORK));
  say("MADV_DONTNEED", madvise(inside, page, MADV_DONTNEED));
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
munmap: 12
mprotect: 12
mlock: 12
MADV_NOHUGEPAGE: 11
MADV_DONTFORK: 11
MADV_DONTNEED: 0
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
