#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# libnewlib-arm-none-eabi 3.3.0-1.3+deb12u1, full and nano: stdlib.h declares aligned_alloc and the archives have it,
# yet no program that calls it links. It calls posix_memalign, which none of the archives has. memalign is the way
# round. (With an allocator that defines both names it links.)
#
# Seen: the linker lacks posix_memalign, once with each of the two libraries; the same program with memalign links.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
installed() {
  there=$(dpkg-query -W -f '${Version}' "$1" 2> /dev/null || true)
  [ "$there" = "$2" ] || { echo "$0: needs $1 $2, here is: ${there:-none}" >&2 && exit 2; }
}
installed gcc-arm-none-eabi 15:12.2.rel1-1
installed libnewlib-arm-none-eabi 3.3.0-1.3+deb12u1

cat > standard.c << 'C'
#include <stdlib.h>

int main(void) {
  return aligned_alloc(64, 128) == NULL;
}
C
cat > older.c << 'C'
#include <malloc.h>

int main(void) {
  return memalign(64, 128) == NULL;
}
C
for program in standard older; do
  for library in rdimon 'nano.specs --specs=rdimon'; do
    if arm-none-eabi-gcc $program.c --specs=$library.specs -o $program 2> errors; then
      echo "$program, $library: links"
    else
      echo "$program, $library: $(grep -o 'undefined reference.*' errors)"
    fi
  done
done > seen
cat > expected << 'E'
standard, rdimon: undefined reference to `posix_memalign'
standard, nano.specs --specs=rdimon: undefined reference to `posix_memalign'
older, rdimon: links
older, nano.specs --specs=rdimon: links
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
