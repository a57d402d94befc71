#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# gcc-12-m68k-linux-gnu 12.2.0-13cross1: an int is aligned to 2 bytes only, and so is max_align_t. As the second member
# of a structure it may lie at 2, and Linux takes no such word for a futex: EINVAL, without looking at it. A lock that
# is an int in a structure works as on other processors until a thread has to wait. The word needs an alignment of its
# own.
#
# Seen (qemu-m68k of qemu-user 7.2): offset 2, alignments 2 and 2, EINVAL (22) for a wake-up; with _Alignas(4) offset 4
# and 0.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
installed() {
  there=$(dpkg-query -W -f '${Version}' "$1" 2> /dev/null || true)
  [ "$there" = "$2" ] || { echo "$0: needs $1 $2, here is: ${there:-none}" >&2 && exit 2; }
}
installed gcc-12-m68k-linux-gnu 12.2.0-13cross1
installed libc6-dev-m68k-cross 2.36-8cross1
installed qemu-user 1:7.2+dfsg-7+deb12u18+b3

cat > probe.c << 'C'
#include <errno.h>
#include <linux/futex.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct {
  short kind;
  int word;
} plain;
static struct {
  short kind;
  _Alignas(4) int word;
} aligned;

static int wake(int* word) {
  errno = 0;
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
  return errno;
}

int main(void) {
  printf("alignment of int %zu, of max_align_t %zu\n", _Alignof(int), _Alignof(max_align_t));
  printf("offset %zu: %d\n", offsetof(__typeof__(plain), word), wake(&plain.word));
  printf("offset %zu: %d\n", offsetof(__typeof__(aligned), word), wake(&aligned.word));
  return 0;
}
C
m68k-linux-gnu-gcc-12 -O1 -w -static probe.c -o probe
qemu-m68k ./probe > seen
cat > expected << 'E'
alignment of int 2, of max_align_t 2
offset 2: 22
offset 4: 0
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
