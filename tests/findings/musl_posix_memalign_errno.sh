#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# musl 1.2.3-1: posix_memalign, which reports by its result, sets errno for one kind of bad alignment and not for the
# other. Below the size of a pointer the result is EINVAL and errno stays; from there up an alignment that is no power
# of two has the same result, and errno is EINVAL as well. The pointer stays as it was in both cases.
#
# Seen: result 22 twice, errno 0 for an alignment of 3, 22 for one of 24.
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
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static void show(size_t alignment) {
  void* block = NULL;
  errno = 0;
  const int result = posix_memalign(&block, alignment, 96);
  printf("%zu: %d, errno %d, %s\n", alignment, result, errno, block ? "touched" : "untouched");
}

int main(void) {
  show(3);
  show(24);
  return 0;
}
C
libc=root/usr/lib/x86_64-linux-musl
cc -O1 -fno-builtin -w -nostdinc -isystem root/usr/include/x86_64-linux-musl -fno-pie -fno-stack-protector \
  -nostdlib -static -no-pie $libc/crt1.o probe.c $libc/libc.a -lgcc -o probe
./probe > seen
cat > expected << 'E'
3: 22, errno 0, untouched
24: 22, errno 22, untouched
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
