#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# cpp-12 12.2.0-14+deb12u1 (cc1) and clang-14 1:14.0.6-12: both believe that malloc changes no variable of the program,
# also in a program whose malloc is its own and counts its calls in a global one. What is read behind the call is what
# was read before it, so a test that counts allocations by that variable sees none, and without a warning.
# -fno-builtin-malloc ends it for malloc, and so do -fno-builtin and -ffreestanding. calloc is the same.
#
# Seen at -O2, by how much a counter grows in a function that allocates once: 0 for malloc and for calloc, by either;
# with -fno-builtin-malloc and -fno-builtin-calloc 1.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
package() {
  apt-get -qq -o APT::Sandbox::User=root download "$1=$2"
  dpkg -x "$1"_*.deb root
  rm "$1"_*.deb
}
package cpp-12 12.2.0-14+deb12u1
package clang-14 1:14.0.6-12
package libclang-cpp14 1:14.0.6-12
package libllvm14 1:14.0.6-12
package libisl23 0.25-1.1
package libmpc3 1.3.1-1
package libmpfr6 4.2.0-1
package libgmp10 2:6.2.1+dfsg1-1.1
package libedit2 3.1-20221030-2
package libbsd0 0.11.7-2
package libmd0 1.0.4-2
package libtinfo6 6.4-4
package libxml2 2.9.14+dfsg-1.3~deb12u6
package libicu72 72.1-3+deb12u1
package libz3-4 4.8.12-3.1

cat > probe.c << 'C'
int calls;
void* volatile kept;
void* malloc(__SIZE_TYPE__ size);
void* calloc(__SIZE_TYPE__ count, __SIZE_TYPE__ size);

int mallocs(void) {
  const int before = calls;
  kept = malloc(10);
  return calls - before;
}
int callocs(void) {
  const int before = calls;
  kept = calloc(2, 10);
  return calls - before;
}
C
cat > program.c << 'C'
#include <stdio.h>
#include <string.h>

extern int calls;
int mallocs(void), callocs(void);

static _Alignas(16) char pool[1 << 20];
static size_t used;

void* malloc(size_t size) {
  if (size > sizeof pool / 4 || used > sizeof pool / 2) return NULL;
  void* const block = pool + used;
  used += (size + 15) / 16 * 16;
  calls++;
  return block;
}
void* calloc(size_t count, size_t size) {
  return malloc(count * size);  // of zeroes as it is
}
void* realloc(void* old, size_t size) {
  return malloc(size);  // is not called
}
void free(void* block) {}

int main(void) {
  const int of_malloc = mallocs();
  const int of_calloc = callocs();
  printf("malloc %d, calloc %d\n", of_malloc, of_calloc);
  return 0;
}
C
libraries=$work/root/usr/lib/x86_64-linux-gnu:$work/root/lib/x86_64-linux-gnu:$work/root/usr/lib/llvm-14/lib
gcc() {
  LD_LIBRARY_PATH=$libraries root/usr/lib/gcc/x86_64-linux-gnu/12/cc1 -quiet "$@"
}
clang() {
  LD_LIBRARY_PATH=$libraries root/usr/lib/llvm-14/bin/clang -S -fno-addrsig "$@"
}
for compiler in gcc clang; do
  for options in '' '-fno-builtin-malloc -fno-builtin-calloc'; do
    $compiler -O2 -fPIE $options probe.c -o probe.s
    cc -O1 -fno-builtin -w probe.s program.c -o program
    echo "$compiler $options: $(./program)"
  done
done > seen
cat > expected << 'E'
gcc : malloc 0, calloc 0
gcc -fno-builtin-malloc -fno-builtin-calloc: malloc 1, calloc 1
clang : malloc 0, calloc 0
clang -fno-builtin-malloc -fno-builtin-calloc: malloc 1, calloc 1
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
