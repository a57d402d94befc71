#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# libclang-rt-19-dev 1:19.1.7-3~deb12u1, Scudo alone, preloaded: it holds aligned_alloc to the C11 rule that C17 gave up.
# A size that is no multiple of the alignment is refused with EINVAL, though the alignment is a power of two, and
# posix_memalign and memalign serve the same two numbers. (glibc, musl, jemalloc, mimalloc and tcmalloc serve all three.)
#
# Seen: aligned_alloc(64, 100) null and errno 22, aligned_alloc(64, 128) a block; posix_memalign and memalign blocks.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
package() {
  apt-get -qq -o APT::Sandbox::User=root download "$1=$2"
  dpkg -x "$1"_*.deb root
  rm "$1"_*.deb
}

package libclang-rt-19-dev 1:19.1.7-3~deb12u1

cat > probe.c << 'C'
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>

static const char* what(const void* block) {
  return block ? "block" : "null";
}

int main(void) {
  void* aligned = NULL;
  printf("aligned_alloc(64, 128): %s\n", what(aligned_alloc(64, 128)));
  errno = 0;
  void* const odd = aligned_alloc(64, 100);
  printf("aligned_alloc(64, 100): %s, errno %d\n", what(odd), errno);
  const int result = posix_memalign(&aligned, 64, 100);
  printf("posix_memalign of 64 and 100: %d, %s\n", result, what(aligned));
  printf("memalign(64, 100): %s\n", what(memalign(64, 100)));
  return 0;
}
C
cc -O1 -fno-builtin -w probe.c -o probe
LD_PRELOAD=$work/root/usr/lib/llvm-19/lib/clang/19/lib/linux/libclang_rt.scudo_standalone-x86_64.so ./probe > seen
cat > expected << 'END'
aligned_alloc(64, 128): block
aligned_alloc(64, 100): null, errno 22
posix_memalign of 64 and 100: 0, block
memalign(64, 100): block
END
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
