#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# qemu-user 1:7.2+dfsg-7+deb12u18+b3: limits of memory are taken and forgotten. setrlimit of RLIMIT_AS, RLIMIT_DATA and
# RLIMIT_STACK says 0, getrlimit has the old limit, and what was to be refused is given: a test of what a program does
# when there is no memory left tests nothing, though it could see that its limit is not there. RLIMIT_NOFILE is set.
#
# Seen (aarch64): 0 each time; only RLIMIT_NOFILE is then what it was set to; 256 MiB are given under a limit of 64.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
installed() {
  there=$(dpkg-query -W -f '${Version}' "$1" 2> /dev/null || true)
  [ "$there" = "$2" ] || { echo "$0: needs $1 $2, here is: ${there:-none}" >&2 && exit 2; }
}
installed gcc-12-aarch64-linux-gnu 12.2.0-14cross1
installed libc6-dev-arm64-cross 2.36-8cross1
installed qemu-user 1:7.2+dfsg-7+deb12u18+b3

cat > probe.c << 'C'
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>

static void set(const char* name, int resource, rlim_t limit) {
  struct rlimit both = {limit, limit};
  const int result = setrlimit(resource, &both);
  getrlimit(resource, &both);
  const char* const is = both.rlim_cur == limit ? "set" : "not set";
  printf("%s: %d, %s\n", name, result, is);
}

int main(void) {
  set("RLIMIT_AS", RLIMIT_AS, 64 << 20);
  set("RLIMIT_DATA", RLIMIT_DATA, 64 << 20);
  set("RLIMIT_STACK", RLIMIT_STACK, 3 << 20);
  set("RLIMIT_NOFILE", RLIMIT_NOFILE, 50);
  const void* const block =
      mmap(NULL, 256 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  printf("256 MiB: %s\n", block == MAP_FAILED ? "refused" : "given");
  return 0;
}
C
aarch64-linux-gnu-gcc-12 -O1 -w -static probe.c -o probe
qemu-aarch64 ./probe > seen
cat > expected << 'E'
RLIMIT_AS: 0, not set
RLIMIT_DATA: 0, not set
RLIMIT_STACK: 0, not set
RLIMIT_NOFILE: 0, set
256 MiB: given
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
