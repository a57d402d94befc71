#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# qemu-user 1:7.2+dfsg-7+deb12u18+b3 and valgrind 1:3.19.0-1: both lose MAP_FIXED_NOREPLACE (Linux 4.17) on its way to
# the kernel. A mapping at an address that is taken is not refused with EEXIST, but made somewhere else, as if the flag
# were not there: who asks only whether mmap failed has memory where it did not want it. With the flag the address has
# to be compared all the same.
#
# Seen: here: refused, 17; qemu-aarch64 and valgrind: given, elsewhere.
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
installed gcc-12-aarch64-linux-gnu 12.2.0-14cross1
installed libc6-dev-arm64-cross 2.36-8cross1
installed qemu-user 1:7.2+dfsg-7+deb12u18+b3
package valgrind 1:3.19.0-1

cat > probe.c << 'C'
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>

int main(void) {
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS;
  char* const taken = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, flags, -1, 0);
  errno = 0;
  char* const more = mmap(taken, 4096, PROT_READ | PROT_WRITE, flags | MAP_FIXED_NOREPLACE, -1, 0);
  if (more == MAP_FAILED) {
    printf("refused, %d\n", errno);
  } else {
    printf("given, %s\n", more == taken ? "there" : "elsewhere");
  }
  return 0;
}
C
cc -O1 -w probe.c -o probe
aarch64-linux-gnu-gcc-12 -O1 -w -static probe.c -o probe-aarch64
{
  echo "here: $(./probe)"
  echo "qemu-aarch64: $(qemu-aarch64 ./probe-aarch64)"
  echo "valgrind: $(VALGRIND_LIB=$work/root/usr/libexec/valgrind root/usr/bin/valgrind -q --log-file=log ./probe)"
} > seen
cat > expected << 'E'
here: refused, 17
qemu-aarch64: given, elsewhere
valgrind: given, elsewhere
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
