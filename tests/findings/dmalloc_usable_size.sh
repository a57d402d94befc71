#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# libdmalloc5 5.5.2-14, preloaded: it has malloc and its like, but no malloc_usable_size. So that name goes on to the C
# library, which looks before a block that is not its own, and says that a live block of 100 bytes has none that may be
# used: whoever sizes a buffer by it writes nothing. A request that dmalloc refuses leaves errno as it was.
#
# Seen: 0 usable bytes of 100; for SIZE_MAX / 2 + 1 bytes null and errno 0.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
package() {
  apt-get -qq -o APT::Sandbox::User=root download "$1=$2"
  dpkg -x "$1"_*.deb root
  rm "$1"_*.deb
}

package libdmalloc5 5.5.2-14

cat > probe.c << 'C'
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static volatile size_t much = SIZE_MAX / 2 + 1;

int main(void) {
  char* const block = malloc(100);
  block[99] = 1;
  printf("usable of 100: %zu\n", malloc_usable_size(block));
  errno = 0;
  const void* const refused = malloc(much);
  printf("refused: %s, errno %d\n", refused ? "block" : "null", errno);
  return 0;
}
C
cc -O1 -fno-builtin -w probe.c -o probe
LD_PRELOAD=$work/root/usr/lib/x86_64-linux-gnu/libdmalloc.so.5 ./probe > seen
cat > expected << 'END'
usable of 100: 0
refused: null, errno 0
END
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
