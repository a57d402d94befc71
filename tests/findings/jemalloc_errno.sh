#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# libjemalloc2 5.3.0-1, preloaded: whether a refusal sets errno depends on the function and on the reason, not on
# there being a refusal. Of requests too large malloc and calloc say ENOMEM, realloc nothing; of an alignment that is
# no power of two aligned_alloc says EINVAL, memalign nothing.
#
# Seen: null four times over, with errno 12, 0, 22 and 0.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
package() {
  apt-get -qq -o APT::Sandbox::User=root download "$1=$2"
  dpkg -x "$1"_*.deb root
  rm "$1"_*.deb
}
package libjemalloc2 5.3.0-1

cat > probe.c << 'C'
#include <errno.h>
#include <malloc.h>
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
  void* const old = malloc(10);
  SHOW(malloc(most));
  SHOW(realloc(old, most));
  SHOW(aligned_alloc(24, 96));
  SHOW(memalign(24, 96));
  return 0;
}
C
cc -O1 -fno-builtin -w probe.c -o probe
LD_PRELOAD=$work/root/usr/lib/x86_64-linux-gnu/libjemalloc.so.2 ./probe > seen
cat > expected << 'E'
malloc(most): null, 12
realloc(old, most): null, 0
aligned_alloc(24, 96): null, 22
memalign(24, 96): null, 0
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
