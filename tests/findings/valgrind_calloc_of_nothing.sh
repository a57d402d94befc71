#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# valgrind 1:3.19.0-1, memcheck: calloc of nothing is null if the other factor is large. calloc(0, n) and calloc(n, 0)
# give a block, as with glibc's malloc, up to n = 2^62; from 2^63 on they give null with ENOMEM and a report of a
# "fishy" value for 2^63, though nothing is asked for and the product does not overflow.
#
# Seen: block, block; null, null. Without Valgrind: a block four times.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
package() {
  apt-get -qq -o APT::Sandbox::User=root download "$1=$2"
  dpkg -x "$1"_*.deb root
  rm "$1"_*.deb
}
package valgrind 1:3.19.0-1

cat > probe.c << 'C'
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static volatile size_t none = 0, some = (size_t)1 << 62, many = (size_t)1 << 63;

#define SHOW(call) printf("%s: %s\n", #call, call ? "block" : "null")

int main(void) {
  SHOW(calloc(none, some));
  SHOW(calloc(some, none));
  SHOW(calloc(none, many));
  SHOW(calloc(many, none));
  return 0;
}
C
cc -O1 -fno-builtin -w probe.c -o probe
./probe | sed 's/^/here: /' > seen
VALGRIND_LIB=$work/root/usr/libexec/valgrind root/usr/bin/valgrind -q --log-file=log ./probe > under
sed 's/^/valgrind: /' under >> seen
cat > expected << 'E'
here: calloc(none, some): block
here: calloc(some, none): block
here: calloc(none, many): block
here: calloc(many, none): block
valgrind: calloc(none, some): block
valgrind: calloc(some, none): block
valgrind: calloc(none, many): null
valgrind: calloc(many, none): null
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
