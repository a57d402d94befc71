#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# libc6 2.36-9+deb12u14: __libc_single_threaded, by which allocators leave out atomic instructions, does not come back.
# It is 0 from the first pthread_create on, and stays so when that thread has ended and has been joined: a program that
# once had a helper for a moment pays for threads until it ends.
#
# Seen: 1 at the start, 0 with a second thread, 0 after it was joined.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
package() {
  apt-get -qq -o APT::Sandbox::User=root download "$1=$2"
  dpkg -x "$1"_*.deb root
  rm "$1"_*.deb
}

package libc6 2.36-9+deb12u14

cat > probe.c << 'C'
#include <pthread.h>
#include <stdio.h>
#include <sys/single_threaded.h>

static void* nothing(void* p) {
  return p;
}

int main(void) {
  pthread_t thread;
  const int before = __libc_single_threaded;
  if (pthread_create(&thread, NULL, nothing, NULL) != 0) return 1;
  const int with = __libc_single_threaded;
  if (pthread_join(thread, NULL) != 0) return 1;
  printf("before %d, with a thread %d, joined %d\n", before, with, __libc_single_threaded);
  return 0;
}
C
cc -O1 -w probe.c -o probe -pthread
libraries=$work/root/lib/x86_64-linux-gnu
"$libraries/ld-linux-x86-64.so.2" --library-path "$libraries" ./probe > seen
echo 'before 1, with a thread 0, joined 0' > expected
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
