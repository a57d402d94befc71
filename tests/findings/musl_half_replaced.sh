#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# musl 1.2.3-1: a program that replaces malloc, calloc, realloc and free, but not aligned_alloc, has none of the aligned
# functions as it should. Linked dynamically, posix_memalign, aligned_alloc and memalign refuse each request with
# ENOMEM, however much there is. Linked statically, from the same source, they serve it, out of a heap of musl's own:
# the block that goes to the program's free is not from its malloc.
#
# Seen: dynamic: 12, null, null; static: 0 and blocks, all outside the program's pool, where malloc's are.
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
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Alignas(16) char pool[1 << 20];
static size_t used;

void* malloc(size_t size) {
  if (size > sizeof pool / 4 || used > sizeof pool / 2) return NULL;
  void* const block = pool + used;
  used += (size + 15) / 16 * 16;
  return block;
}
void free(void* block) {}
void* calloc(size_t count, size_t size) { return malloc(count * size); }
void* realloc(void* old, size_t size) {
  void* const block = malloc(size);
  if (block != NULL && old != NULL) memcpy(block, old, size);
  return block;
}

static const char* where(const void* block) {
  if (block == NULL) return "null";
  return (const char*)block >= pool && (const char*)block < pool + sizeof pool ? "pool" : "elsewhere";
}

int main(void) {
  void* block = NULL;
  const int result = posix_memalign(&block, 64, 100);
  printf("malloc: %s; posix_memalign: %d, %s; aligned_alloc: %s; memalign: %s\n", where(malloc(100)), result,
         where(block), where(aligned_alloc(64, 128)), where(memalign(64, 100)));
  return 0;
}
C
libc=root/usr/lib/x86_64-linux-musl
build() {
  cc -O1 -fno-builtin -w -nostdinc -isystem root/usr/include/x86_64-linux-musl -fno-pie -no-pie -fno-stack-protector \
    -nostdlib $libc/crt1.o probe.c "$@"
}
build -static $libc/libc.a -lgcc -o static
build root/lib/x86_64-linux-musl/libc.so -Wl,--dynamic-linker="$work/root/lib/x86_64-linux-musl/libc.so" -o dynamic
for program in dynamic static; do
  echo "$program: $(./$program)"
done > seen
cat > expected << 'E'
dynamic: malloc: pool; posix_memalign: 12, null; aligned_alloc: null; memalign: null
static: malloc: pool; posix_memalign: 0, elsewhere; aligned_alloc: elsewhere; memalign: elsewhere
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
