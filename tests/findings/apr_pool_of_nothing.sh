#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# libapr1 1.7.2-3+deb12u1 (libapr1-dev 1.7.2-3+deb12u1): apr_palloc of no bytes is not null, and takes nothing from the
# pool: its address is also that of the next block, with bytes or without. Who tells objects apart by address takes an
# empty one for another. And blocks are aligned to 8 bytes only, on a machine whose malloc aligns to 16.
#
# Seen: the address of both empty blocks is that of a block of ten bytes; blocks of one byte 8 bytes apart.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
package() {
  apt-get -qq -o APT::Sandbox::User=root download "$1=$2"
  dpkg -x "$1"_*.deb root
  rm "$1"_*.deb
}
package libapr1 1.7.2-3+deb12u1
package libapr1-dev 1.7.2-3+deb12u1
package libuuid1 2.38.1-5+deb12u3

cat > probe.c << 'C'
#include <apr_general.h>
#include <apr_pools.h>
#include <stdio.h>

int main(void) {
  apr_pool_t* pool = NULL;
  if (apr_initialize() != APR_SUCCESS || apr_pool_create(&pool, NULL) != APR_SUCCESS) return 1;
  const void* const empty = apr_palloc(pool, 0);
  const void* const as_empty = apr_palloc(pool, 0);
  const void* const ten = apr_palloc(pool, 10);
  printf("empty is null: %d, both are one: %d, ", empty == NULL, empty == as_empty);
  printf("and the block of ten, too: %d\n", empty == ten);
  const char* const one = apr_palloc(pool, 1);
  const char* const another = apr_palloc(pool, 1);
  printf("one byte takes %d\n", (int)(another - one));
  apr_pool_destroy(pool);
  apr_terminate();
  return 0;
}
C
libraries=$work/root/usr/lib/x86_64-linux-gnu
cc -O1 -w -D_GNU_SOURCE -I root/usr/include/apr-1.0 -I root/usr/include/x86_64-linux-gnu/apr-1.0 probe.c -o probe \
  "$libraries/libapr-1.so.0" -Wl,--unresolved-symbols=ignore-in-shared-libs
LD_LIBRARY_PATH=$libraries:$work/root/lib/x86_64-linux-gnu ./probe > seen
cat > expected << 'END'
empty is null: 0, both are one: 1, and the block of ten, too: 1
one byte takes 8
END
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
