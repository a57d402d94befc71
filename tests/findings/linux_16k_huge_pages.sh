#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# linux-image-6.12.95+deb12-arm64-16k 6.12.95-1~bpo12+1 (aarch64, pages of 16 KiB), booted in QEMU 7.2: a huge page is
# not 2 MiB, nor 4 times that, but 32 MiB, since a page of the page table has 4 times as many entries, too. So
# MADV_HUGEPAGE of a heap's piece of 2 MiB says 0 and does nothing; and one byte written to a piece of 32 MiB takes all
# of it.
#
# Seen: hpage_pmd_size 33554432; one byte written after the advice: 2 MiB: 16 kB more resident; 32 MiB: 32768 kB more.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
installed() {
  there=$(dpkg-query -W -f '${Version}' "$1" 2> /dev/null || true)
  [ "$there" = "$2" ] || { echo "$0: needs $1 $2, here is: ${there:-none}" >&2 && exit 2; }
}
installed gcc-12-aarch64-linux-gnu 12.2.0-14cross1
installed libc6-dev-arm64-cross 2.36-8cross1
installed cpio 2.13+dfsg-7.1
installed qemu-system-arm 1:7.2+dfsg-7+deb12u18+b3

# From Debian's backports, for another architecture: apt with a state of its own, and this machine's mirror.
mkdir -p apt/lists/partial apt/archives/partial
: > apt/status
mirror=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' | grep -v security | head -n 1)
echo "deb [arch=arm64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]" \
  "$mirror bookworm-backports main" > apt/sources.list
private_apt() {
  apt-get -qq -o Dir::Etc::SourceList="$work/apt/sources.list" -o Dir::Etc::SourceParts=- -o Dir::State="$work/apt" \
    -o Dir::State::status="$work/apt/status" -o Dir::Cache="$work/apt" -o APT::Architecture=arm64 \
    -o APT::Architectures=arm64 -o APT::Sandbox::User=root -o Acquire::Languages=none "$@"
}
private_apt update
private_apt download linux-image-6.12.95+deb12-arm64-16k=6.12.95-1~bpo12+1
dpkg-deb --fsys-tarfile ./*.deb | tar x --wildcards './boot/vmlinuz-*'

cat > init.c << 'C'
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>

static long resident(void) {
  char line[200];
  long kib = 0;
  FILE* const file = fopen("/proc/self/smaps_rollup", "r");
  while (fgets(line, sizeof line, file)) sscanf(line, "Rss: %ld", &kib);
  fclose(file);
  return kib;
}

static void touch(char* piece, size_t size) {
  const int result = madvise(piece, size, MADV_HUGEPAGE);
  const long before = resident();
  piece[0] = 1;
  printf("seen: %zu MiB: advice %d, %ld kB more\n", size >> 20, result, resident() - before);
}

int main(void) {
  mkdir("/proc", 0755);
  mkdir("/sys", 0755);
  mount("proc", "/proc", "proc", 0, NULL);
  mount("sysfs", "/sys", "sysfs", 0, NULL);
  long size = 0;
  FILE* const file = fopen("/sys/kernel/mm/transparent_hugepage/hpage_pmd_size", "r");
  if (file != NULL) fscanf(file, "%ld", &size);
  printf("seen: hpage_pmd_size %ld\n", size);
  resident();

  const uintptr_t huge = 32 << 20;
  char* const range = mmap(NULL, 3 * huge, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  char* const pieces = (char*)(((uintptr_t)range + huge - 1) & -huge);
  mprotect(pieces, 2 * huge, PROT_READ | PROT_WRITE);
  madvise(pieces, 2 * huge, MADV_NOHUGEPAGE);
  touch(pieces, 2 << 20);
  touch(pieces + huge, huge);
  fflush(stdout);
  reboot(RB_POWER_OFF);
}
C
aarch64-linux-gnu-gcc-12 -O1 -w -static init.c -o init
echo init | cpio --quiet -o -H newc > initrd
timeout 300 qemu-system-aarch64 -M virt -cpu max,pauth-impdef=on -m 1G -nic none -display none -serial stdio \
  -monitor none -no-reboot -kernel boot/vmlinuz-* -initrd initrd \
  -append 'console=ttyAMA0 panic=-1 quiet' < /dev/null > log
tr -d '\r' < log | sed -n 's/^seen: //p' > seen
cat > expected << 'E'
hpage_pmd_size 33554432
2 MiB: advice 0, 16 kB more
32 MiB: advice 0, 32768 kB more
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
