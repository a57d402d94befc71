#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# linux-image-6.1.0-57-cloud-amd64 6.1.192-3, booted in QEMU 7.2: after mlockall(MCL_FUTURE) an address range without
# access counts as locked memory. PROT_NONE cannot be filled, and is not; but it takes of RLIMIT_MEMLOCK, and a
# reservation that is larger than the limit is refused, with EAGAIN instead of ENOMEM. A heap that reserves gibibytes to
# use a few pages of them cannot begin. VmLck then says more than VmRSS.
#
# Seen, under a limit of 8 MiB: 4 MiB without access given, 4096 kB more locked, under 1024 kB more resident; 16 MiB: 11
# (EAGAIN).
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
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void get(long* locked, long* resident) {
  char line[200];
  FILE* const file = fopen("/proc/self/status", "r");
  while (fgets(line, sizeof line, file)) {
    sscanf(line, "VmLck: %ld", locked);
    sscanf(line, "VmRSS: %ld", resident);
  }
  fclose(file);
}

static void* reserve(size_t size) {
  return mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
}

static int user(void) {
  const struct rlimit limit = {8 << 20, 8 << 20};
  setrlimit(RLIMIT_MEMLOCK, &limit);
  setuid(65534);  // root has no limit
  long locked = 0, resident = 0, locked_then = 0, resident_then = 0;
  get(&locked, &resident);
  if (mlockall(MCL_FUTURE) != 0) return 1;
  const void* const some = reserve(4 << 20);
  get(&locked_then, &resident_then);
  printf("seen: 4 MiB: %s, %ld kB more locked, resident: %s\n", some == MAP_FAILED ? "refused" : "given",
         locked_then - locked, resident_then - resident < 1024 ? "little" : "much");
  errno = 0;
  const void* const more = reserve(16 << 20);
  printf("seen: 16 MiB: %s, %d\n", more == MAP_FAILED ? "refused" : "given", errno);
  fflush(stdout);
  return 0;
}

int main(void) {
  mkdir("/proc", 0755);
  mount("proc", "/proc", "proc", 0, NULL);
  const pid_t child = fork();
  if (child == 0) _exit(user());
  waitpid(child, NULL, 0);
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
4 MiB: given, 4096 kB more locked, resident: little
16 MiB: refused, 11
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
