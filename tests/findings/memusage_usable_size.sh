#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# libc6 2.36-9+deb12u14, its libmemusage.so preloaded (what the command memusage does): it puts 16 bytes of its own
# before each block, but leaves malloc_usable_size alone, which takes them for the C library's. So a block of 100 bytes
# has 4 GB that may be used: the mark 0xfeedbeaf, read as a size. And it knows nothing of posix_memalign, memalign and
# aligned_alloc: its sums are without what a program allocates by those.
#
# Seen: 4276993688 usable bytes of 100; 100 bytes counted of 5,000,100.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
package() {
  apt-get -qq -o APT::Sandbox::User=root download "$1=$2"
  dpkg -x "$1"_*.deb root
  rm "$1"_*.deb
}
package libc6 2.36-9+deb12u14

cat > probe.c << 'C'
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

int main(void) {
  static char buffer[1024];
  setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  void* const block = malloc(100);
  printf("usable: %zu\n", malloc_usable_size(block));
  for (int i = 0; i < 50; i++) free(aligned_alloc(64, 100000));
  free(block);
  return 0;
}
C
cc -O1 -fno-builtin -w probe.c -o probe
libraries=$work/root/lib/x86_64-linux-gnu
"$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" --preload "$libraries/libmemusage.so" ./probe \
  > seen 2> summary
sed -n 's/.*\(heap total: [0-9]*\),.*/\1/p' summary >> seen
cat > expected << 'END'
usable: 4276993688
heap total: 100
END
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
