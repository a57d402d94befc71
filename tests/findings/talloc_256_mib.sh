#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# libtalloc2 2.4.0-f2 (libtalloc-dev 2.4.0-f2): no block may have 256 MiB or more, however much memory there is, nor
# grow to it. One byte less is served. The refusal is null, as when there is no memory, and leaves errno as it was; a
# limit for a context (talloc_set_memlimit) has nothing to do with it.
#
# Seen: 268435455 bytes a block, 268435456 null with errno 0; an array of 300 MiB and growth to 257 null; malloc serves
# all of them.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
package() {
  apt-get -qq -o APT::Sandbox::User=root download "$1=$2"
  dpkg -x "$1"_*.deb root
  rm "$1"_*.deb
}
package libtalloc2 2.4.0-f2
package libtalloc-dev 2.4.0-f2

cat > probe.c << 'C'
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include <talloc.h>

static const char* what(const void* block) {
  return block ? "block" : "null";
}

int main(void) {
  const size_t limit = (size_t)256 << 20;
  void* const context = talloc_new(NULL);
  void* block = talloc_size(context, limit - 1);
  printf("%zu: %s\n", limit - 1, what(block));
  printf("grown to %zu: %s\n", limit + (1 << 20), what(talloc_realloc_size(context, block, limit + (1 << 20))));
  errno = 0;
  block = talloc_size(context, limit);
  printf("%zu: %s, errno %d\n", limit, what(block), errno);
  printf("300 times 1 MiB: %s\n", what(talloc_array_size(context, 1 << 20, 300)));
  void* const of_malloc = malloc(limit);
  printf("malloc of %zu: %s\n", limit, what(of_malloc));
  free(of_malloc);
  return 0;
}
C
libraries=$work/root/usr/lib/x86_64-linux-gnu
cc -O1 -fno-builtin -w -I root/usr/include probe.c -o probe "$libraries/libtalloc.so.2"
LD_LIBRARY_PATH=$libraries ./probe > seen
cat > expected << 'END'
268435455: block
grown to 269484032: null
268435456: null, errno 0
300 times 1 MiB: null
malloc of 268435456: block
END
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
