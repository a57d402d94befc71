#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# libjemalloc2 5.3.0-1, preloaded: replaces valloc and memalign, but not pvalloc, the third of the old page-aligned
# kind. A program that uses all of them has two heaps: the block from pvalloc is the C library's, in the memory behind
# the program (brk), which jemalloc cannot take back, and whose size it must not be asked for.
#
# Seen: malloc, memalign and valloc answer from mappings of jemalloc's, pvalloc from the brk heap.
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
#define _GNU_SOURCE
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern char end;

static void show(const char* name, void* block) {
  const uintptr_t p = (uintptr_t)block;
  printf("%s: %s\n", name, p >= (uintptr_t)&end && p < (uintptr_t)sbrk(0) ? "brk" : "mapping");
}

int main(void) {
  setvbuf(stdout, NULL, _IONBF, 0);
  show("malloc", malloc(100));
  show("memalign", memalign(4096, 100));
  show("valloc", valloc(100));
  show("pvalloc", pvalloc(100));
  return 0;
}
C
cc -O1 -fno-builtin -no-pie -w probe.c -o probe
LD_PRELOAD=$work/root/usr/lib/x86_64-linux-gnu/libjemalloc.so.2 ./probe > seen
cat > expected << 'E'
malloc: mapping
memalign: mapping
valloc: mapping
pvalloc: brk
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
