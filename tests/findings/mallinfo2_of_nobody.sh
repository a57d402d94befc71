#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# valgrind 1:3.19.0-1 (memcheck) and libtcmalloc-minimal4 2.10-1 (preloaded) have mallinfo, which tells of their heap,
# but not mallinfo2, by which glibc 2.33 has replaced it. So a program that has followed the compiler's advice asks the C
# library, whose heap has nothing in it: it has a megabyte, and hears of none.
#
# Seen, of 1,000 blocks of 1,000 bytes: a million bytes and more by mallinfo, less than 10,000 by mallinfo2.
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
installed valgrind 1:3.19.0-1
package libtcmalloc-minimal4 2.10-1

cat > probe.c << 'C'
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

static const char* megabytes(size_t bytes) {
  return bytes >= 1000000 ? "a million and more" : bytes < 10000 ? "next to nothing" : "something";
}

int main(void) {
  static char* blocks[1000];
  for (int i = 0; i < 1000; i++) blocks[i] = malloc(1000);
  const struct mallinfo by_mallinfo = mallinfo();
  const struct mallinfo2 by_mallinfo2 = mallinfo2();
  printf("mallinfo: %s, ", megabytes((size_t)by_mallinfo.uordblks));
  printf("mallinfo2: %s\n", megabytes(by_mallinfo2.uordblks));
  for (int i = 0; i < 1000; i++) free(blocks[i]);
  return 0;
}
C
cc -O1 -fno-builtin -w probe.c -o probe
{
  ./probe
  valgrind -q ./probe
  LD_PRELOAD=$work/root/usr/lib/x86_64-linux-gnu/libtcmalloc_minimal.so.4 ./probe
} > seen
cat > expected << 'END'
mallinfo: a million and more, mallinfo2: a million and more
mallinfo: a million and more, mallinfo2: next to nothing
mallinfo: a million and more, mallinfo2: next to nothing
END
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
