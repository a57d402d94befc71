#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# linux-image-6.1.0-57-cloud-amd64 6.1.192-3, booted in QEMU 7.2: pages that mremap has moved never become one mapping
# with what lies next to them, though both are anonymous, private, and of the same rights. What consists of the two can
# be read, protected and unmapped as one, but mremap neither grows nor moves it: EFAULT, as if it were not mapped. So
# of a block that is moved to larger memory each time that it grows, every second growth has to copy. Grown by mremap
# itself, a mapping remains one.
#
# Seen of 1 MiB moved into 2: two lines in /proc/self/maps, of the same rights; mprotect 0; mremap that moves or grows
# 14 (EFAULT). Of 1 MiB grown to 2: one line; 0.
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
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>

enum { mib = 1 << 20, rights = PROT_READ | PROT_WRITE };

static char* map(size_t bytes) {
  return mmap(NULL, bytes, rights, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static int lines_of(const char* memory, size_t bytes) {
  FILE* const maps = fopen("/proc/self/maps", "r");
  char line[300];
  unsigned long from, to;
  char its_rights[5];
  int lines = 0;
  while (fgets(line, sizeof line, maps) != NULL) {
    if (sscanf(line, "%lx-%lx %4s", &from, &to, its_rights) != 3 || strcmp(its_rights, "rw-p") != 0) continue;
    lines += from >= (unsigned long)memory && to <= (unsigned long)memory + bytes;
  }
  fclose(maps);
  return lines;
}

static int error_of(int fails) {
  return fails ? errno : 0;
}

static void look_at(const char* what, char* memory) {
  memset(memory, 1, 2 * mib);
  printf("seen: %s: lines %d, ", what, lines_of(memory, 2 * mib));
  printf("mprotect %d, ", error_of(mprotect(memory, 2 * mib, rights) != 0));
  char* const elsewhere = map(2 * mib);
  const int flags = MREMAP_MAYMOVE | MREMAP_FIXED;
  char* const moved = mremap(memory, 2 * mib, 2 * mib, flags, elsewhere);
  printf("moving %d, ", error_of(moved == MAP_FAILED));
  if (moved != MAP_FAILED) memory = moved;
  printf("growing %d\n", error_of(mremap(memory, 2 * mib, 3 * mib, MREMAP_MAYMOVE) == MAP_FAILED));
}

int main(void) {
  mkdir("/proc", 0755);
  mount("proc", "/proc", "proc", 0, NULL);
  char* const former = map(mib);
  memset(former, 1, mib);
  char* const larger = map(3 * mib) + mib / 2;
  munmap(larger - mib / 2, mib / 2);  // so that it has no neighbours
  munmap(larger + 2 * mib, mib / 2);
  mremap(former, mib, mib, MREMAP_MAYMOVE | MREMAP_FIXED, larger);
  look_at("moved into", larger);
  char* const other = map(2 * mib) + mib / 2;
  munmap(other - mib / 2, mib / 2);
  munmap(other + mib, mib / 2);
  memset(other, 1, mib);
  look_at("grown", mremap(other, mib, 2 * mib, MREMAP_MAYMOVE));
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
moved into: lines 2, mprotect 0, moving 14, growing 14
grown: lines 1, mprotect 0, moving 0, growing 0
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
