#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# libgc1 1:8.2.2-3 (Boehm's collector): powers of two are the worst sizes. One byte is added to each request, so that
# a pointer just behind an object keeps it alive; so 16 bytes take the slot of 32, 32 that of 48, and blocks of 2,048
# lie alone in their pages of 4,096, in which there would be room for two of 2,047.
#
# Seen: usable 16, 32, 32, 48, 2048, 2064 for 15, 16, 31, 32, 2047, 2048 bytes; only the last are all aligned to a
# page.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
package() {
  apt-get -qq -o APT::Sandbox::User=root download "$1=$2"
  dpkg -x "$1"_*.deb root
  rm "$1"_*.deb
}
package libgc1 1:8.2.2-3
package libgc-dev 1:8.2.2-3

cat > probe.c << 'C'
#include <gc.h>
#include <stdint.h>
#include <stdio.h>

int main(void) {
  GC_INIT();
  const size_t sizes[] = {15, 16, 31, 32, 2047, 2048};
  for (int i = 0; i < 6; i++) {
    uintptr_t bits = 0;
    for (int j = 0; j < 40; j++) bits |= (uintptr_t)GC_malloc(sizes[i]);
    printf("%zu: usable %zu%s\n", sizes[i], GC_size(GC_malloc(sizes[i])),
           bits % 4096 == 0 ? ", one a page" : "");
  }
  return 0;
}
C
libraries=$work/root/usr/lib/x86_64-linux-gnu
cc -O1 -w -I root/usr/include probe.c "$libraries/libgc.so.1" -o probe
LD_LIBRARY_PATH=$libraries ./probe > seen
cat > expected << 'E'
15: usable 16
16: usable 32
31: usable 32
32: usable 48
2047: usable 2048
2048: usable 2064, one a page
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
