#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# linux-image-6.1.0-57-cloud-amd64 6.1.192-3, booted in QEMU 7.2: memory that has once been writable stays committed. A
# reservation (PROT_NONE) costs nothing of Committed_AS, which is what vm.overcommit_memory=2 limits; mprotect to
# writable takes all of it; but MADV_DONTNEED and mprotect back to PROT_NONE, which leave neither memory nor access,
# give nothing back. A heap that grows and shrinks in a reservation so only ever grows. A new PROT_NONE mapping over it
# does it.
#
# Seen, of 256 MiB: 0 reserved, 256 writable, 256 taken back, 0 mapped anew.
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
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>

static long committed(void) {
  char line[200];
  long kib = 0;
  FILE* const file = fopen("/proc/meminfo", "r");
  while (fgets(line, sizeof line, file)) sscanf(line, "Committed_AS: %ld", &kib);
  fclose(file);
  return kib / 1024;
}

int main(void) {
  mkdir("/proc", 0755);
  mount("proc", "/proc", "proc", 0, NULL);
  const size_t size = 256 << 20;
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
  const long before = committed();
  void* const p = mmap(NULL, size, PROT_NONE, flags, -1, 0);
  printf("seen: reserved %ld\n", committed() - before);
  mprotect(p, size, PROT_READ | PROT_WRITE);
  printf("seen: writable %ld\n", committed() - before);
  madvise(p, size, MADV_DONTNEED);
  mprotect(p, size, PROT_NONE);
  printf("seen: taken back %ld\n", committed() - before);
  mmap(p, size, PROT_NONE, flags | MAP_FIXED, -1, 0);
  printf("seen: mapped anew %ld\n", committed() - before);
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
reserved 0
writable 256
taken back 256
mapped anew 0
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
