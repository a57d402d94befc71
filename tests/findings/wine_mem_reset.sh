#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# wine64 8.0~repack-4: VirtualAlloc(MEM_RESET), which marks memory as not needed for as long as nobody else wants it,
# throws it away at once: the next byte read is zero. And MEM_RESET_UNDO, which would say whether it is still there, is
# refused as a parameter that is not known. A cache that lends its pages to the system so loses all of them, each time.
# (The newer names, OfferVirtualMemory, ReclaimVirtualMemory and DiscardVirtualMemory, are not there to be found.)
#
# Seen: reset: 1, then 0 where 7 was; undo: 0, error 87 (ERROR_INVALID_PARAMETER); none of the three.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
installed() {
  there=$(dpkg-query -W -f '${Version}' "$1" 2> /dev/null || true)
  [ "$there" = "$2" ] || { echo "$0: needs $1 $2, here is: ${there:-none}" >&2 && exit 2; }
}
installed wine64 8.0~repack-4
installed gcc-mingw-w64-x86-64-win32 12.2.0-14+deb12u1+25.2+b1

cat > probe.c << 'C'
#include <stdio.h>
#include <string.h>
#include <windows.h>

enum { size = 1 << 20, reset_undo = 0x1000000 };

int main(void) {
  char* const block = VirtualAlloc(NULL, size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
  memset(block, 7, size);
  const int reset = VirtualAlloc(block, size, MEM_RESET, PAGE_READWRITE) == block;
  printf("reset: %d, then %d\n", reset, block[5000]);
  memset(block, 7, size);
  VirtualAlloc(block, size, MEM_RESET, PAGE_READWRITE);
  SetLastError(0);
  const int undone = VirtualAlloc(block, size, reset_undo, PAGE_READWRITE) == block;
  printf("undo: %d, error %lu, then %d\n", undone, GetLastError(), block[5000]);
  const char* const names[] = {"OfferVirtualMemory", "ReclaimVirtualMemory", "DiscardVirtualMemory"};
  for (int i = 0; i < 3; i++) {
    const int there = GetProcAddress(GetModuleHandleA("kernel32.dll"), names[i]) != NULL ||
                      GetProcAddress(GetModuleHandleA("kernelbase.dll"), names[i]) != NULL;
    printf("%s: %d\n", names[i], there);
  }
  return 0;
}
C
x86_64-w64-mingw32-gcc-win32 -O1 -w probe.c -o probe.exe
export WINEPREFIX="$work/prefix" WINEDEBUG=-all WINEDLLOVERRIDES=mscoree,mshtml=
/usr/lib/wine/wine64 ./probe.exe 2> messages | tr -d '\r' > seen
/usr/lib/wine/wineserver64 -w 2> messages || true
cat > expected << 'E'
reset: 1, then 0
undo: 0, error 87, then 0
OfferVirtualMemory: 0
ReclaimVirtualMemory: 0
DiscardVirtualMemory: 0
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
