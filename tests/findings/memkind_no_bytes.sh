#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# libmemkind0 1.14.0-2: no bytes are no block, and no failure. Its malloc of 0 bytes is null with errno as it was, and its
# posix_memalign of 0 bytes says 0, for success, and stores null: who tells failure by the pointer sees one, who tells it
# by the result or by errno sees none. (A calloc that overflows does set errno.)
#
# Seen: null and errno 0; result 0 and null; for the overflow null and errno 12 (ENOMEM).
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
package() {
  apt-get -qq -o APT::Sandbox::User=root download "$1=$2"
  dpkg -x "$1"_*.deb root
  rm "$1"_*.deb
}

package libmemkind0 1.14.0-2
package libmemkind-dev 1.14.0-2
package libnuma1 2.0.16-1
package libdaxctl1 76.1-1
package libndctl6 76.1-1
package libkmod2 30+20221128-1
package libuuid1 2.38.1-5+deb12u3
package libhwloc15 2.9.0-1
package libudev1 252.39-1~deb12u2

cat > probe.c << 'C'
#include <errno.h>
#include <memkind.h>
#include <stdint.h>
#include <stdio.h>

int main(void) {
  errno = 0;
  void* const none = memkind_malloc(MEMKIND_DEFAULT, 0);
  printf("malloc of 0: %s, errno %d\n", none ? "block" : "null", errno);
  void* aligned = &aligned;
  const int result = memkind_posix_memalign(MEMKIND_DEFAULT, &aligned, 64, 0);
  printf("posix_memalign of 0: %d, %s\n", result, aligned ? "block" : "null");
  errno = 0;
  void* const too_much = memkind_calloc(MEMKIND_DEFAULT, SIZE_MAX / 2, 3);
  printf("calloc that overflows: %s, errno %d\n", too_much ? "block" : "null", errno);
  return 0;
}
C
libraries=$work/root/usr/lib/x86_64-linux-gnu
cc -O1 -w -I root/usr/include probe.c -o probe "$libraries/libmemkind.so.0" \
  -Wl,--unresolved-symbols=ignore-in-shared-libs
LD_LIBRARY_PATH=$libraries:$work/root/lib/x86_64-linux-gnu ./probe > seen
cat > expected << 'END'
malloc of 0: null, errno 0
posix_memalign of 0: 0, null
calloc that overflows: null, errno 12
END
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
