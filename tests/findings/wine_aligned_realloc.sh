#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# wine64 8.0~repack-4, msvcrt.dll, from a program by mingw-w64: _aligned_realloc(p, 0, alignment) frees the block, as
# realloc(p, 0) does, and both give null; but it also sets errno to EINVAL, as if it had been called wrongly.
# _aligned_malloc(0, alignment) on the other hand is a block, and errno stays.
#
# Seen: null and errno 0 from realloc, null and 22 from _aligned_realloc, block and 0 from _aligned_malloc.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
installed() {
  there=$(dpkg-query -W -f '${Version}' "$1" 2> /dev/null || true)
  [ "$there" = "$2" ] || { echo "$0: needs $1 $2, here is: ${there:-none}" >&2 && exit 2; }
}
installed wine64 8.0~repack-4
installed gcc-mingw-w64-x86-64-win32 12.2.0-14+deb12u1+25.2+b1

cat > probe.c << 'C'
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

static volatile size_t none = 0;

#define SHOW(call)                                             \
  do {                                                         \
    errno = 0;                                                 \
    void* const block = call;                                  \
    const int error = errno;                                   \
    printf("%s: %s, %d\n", #call, block ? "block" : "null", error); \
  } while (0)

int main(void) {
  void* const plain = malloc(100);
  void* const aligned = _aligned_malloc(100, 64);
  SHOW(realloc(plain, none));
  SHOW(_aligned_realloc(aligned, none, 64));
  SHOW(_aligned_malloc(none, 64));
  return 0;
}
C
x86_64-w64-mingw32-gcc-win32 -O1 -fno-builtin -w probe.c -o probe.exe
export WINEPREFIX="$work/prefix" WINEDEBUG=-all WINEDLLOVERRIDES=mscoree,mshtml=
/usr/lib/wine/wine64 ./probe.exe 2> messages | tr -d '\r' > seen
/usr/lib/wine/wineserver64 -w 2> messages || true
cat > expected << 'E'
realloc(plain, none): null, 0
_aligned_realloc(aligned, none, 64): null, 22
_aligned_malloc(none, 64): block, 0
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
