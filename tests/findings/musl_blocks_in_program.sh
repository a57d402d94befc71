#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# musl 1.2.3-1, dynamically linked: malloc's first blocks lie inside the program. What is left of the last page of its
# data, behind all that the linker put there, is given to the heap before main. So a block has an address next to the
# program's own variables, in the mapping of its file, and who tells static memory from the heap by that is wrong. (A
# statically linked program gives nothing away, and its blocks are from mappings.)
#
# Seen, of ten blocks of 1 to 451 bytes: some in the page in which the program ends; none in the static one's.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
package() {
  apt-get -qq -o APT::Sandbox::User=root download "$1=$2"
  dpkg -x "$1"_*.deb root
  rm "$1"_*.deb
}
package musl 1.2.3-1
package musl-dev 1.2.3-1

cat > probe.c << 'C'
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

extern char _end;
static char variable[300] = {1};

int main(void) {
  const uintptr_t end = (uintptr_t)&_end;
  int blocks = 0, behind = 0;
  for (size_t size = 1; size <= 500; size += 50) {
    const uintptr_t block = (uintptr_t)malloc(size);
    blocks++;
    behind += block >= end && block / 4096 == end / 4096;
  }
  printf("%d blocks, in the program's last page: %s\n", blocks, behind > 0 ? "some" : "none");
  return variable[0] != 1;
}
C
libc=root/usr/lib/x86_64-linux-musl
build() {
  cc -O1 -fno-builtin -w -nostdinc -isystem root/usr/include/x86_64-linux-musl -fno-pie -no-pie -fno-stack-protector \
    -nostdlib $libc/crt1.o probe.c "$@"
}
build -static $libc/libc.a -lgcc -o static
build root/lib/x86_64-linux-musl/libc.so -Wl,--dynamic-linker="$work/root/lib/x86_64-linux-musl/libc.so" -o dynamic
for program in dynamic static; do
  echo "$program: $(./$program)"
done > seen
cat > expected << 'E'
dynamic: 10 blocks, in the program's last page: some
static: 10 blocks, in the program's last page: none
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
