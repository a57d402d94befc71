#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# libmimalloc2.0 2.0.9+ds-2, preloaded: the larger the impossible request, the less it says. Half the address space is
# refused with ENOMEM; all of it, or a product that does not fit, is refused too, but errno stays as it was. So it
# does for an alignment that is no power of two.
#
# Seen: null each time; errno 12, then 0, 0, 0.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
package() {
  apt-get -qq -o APT::Sandbox::User=root download "$1=$2"
  dpkg -x "$1"_*.deb root
  rm "$1"_*.deb
}
package libmimalloc2.0 2.0.9+ds-2

cat > probe.c << 'C'
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static volatile size_t most = SIZE_MAX;

#define SHOW(call)                                             \
  do {                                                         \
    errno = 0;                                                 \
    void* const block = call;                                  \
    const int error = errno;                                   \
    printf("%s: %s, %d\n", #call, block ? "block" : "null", error); \
  } while (0)

int main(void) {
  SHOW(malloc(most / 2));
  SHOW(malloc(most));
  SHOW(calloc(most / 2, 4));
  SHOW(aligned_alloc(24, 96));
  return 0;
}
C
cc -O1 -fno-builtin -w probe.c -o probe
LD_PRELOAD=$work/root/usr/lib/x86_64-linux-gnu/libmimalloc.so.2.0 ./probe > seen 2> messages
cat > expected << 'E'
malloc(most / 2): null, 12
malloc(most): null, 0
calloc(most / 2, 4): null, 0
aligned_alloc(24, 96): null, 0
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
