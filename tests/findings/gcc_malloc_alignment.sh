#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# gcc 12 (cc1 of cpp-12 12.2.0-14+deb12u1 and its cross packages) takes malloc's blocks to be aligned, whatever their
# size, and answers tests of it at compile time. To how much is not alignof(max_align_t), but the size of a word, except
# on Arm, 32-bit and 64-bit, where it is two: 16 for one byte on aarch64, 8 on x86-64 and s390x. So under a malloc that
# gives 8 bytes an address that is a multiple of 8, pointers with four bits for a tag are tested as they are on x86-64;
# on aarch64 the test is left out. clang 14 takes nothing for granted of malloc. -fno-builtin-malloc ends it.
#
# Seen at -O2, the largest of 1, 2, 4, 8, 16 by which malloc(1) is taken to be divisible: 16, 8; 8, 8; 4, 4; 1 with the
# option.
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
package cpp-12-aarch64-linux-gnu 12.2.0-14cross1
package cpp-12-arm-linux-gnueabihf 12.2.0-14cross1
package cpp-12-s390x-linux-gnu 12.2.0-14cross1
package cpp-12-m68k-linux-gnu 12.2.0-13cross1
package libisl23 0.25-1.1
package libmpc3 1.3.1-1
package libmpfr6 4.2.0-1
package libgmp10 2:6.2.1+dfsg1-1.1

cat > probe.c << 'C'
void* malloc(__SIZE_TYPE__ size);
void not_of_2(void);
void not_of_4(void);
void not_of_8(void);
void not_of_16(void);
void not_of_32(void);

void check(void) {
  const __UINTPTR_TYPE__ block = (__UINTPTR_TYPE__)malloc(1);
  if (block % 2 != 0) not_of_2();
  if (block % 4 != 0) not_of_4();
  if (block % 8 != 0) not_of_8();
  if (block % 16 != 0) not_of_16();
  if (block % 32 != 0) not_of_32();
}
C
LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH
# see NAME TRIPLET OPTION...
see() {
  name=$1
  cc1=$(find root/usr/lib/gcc* -path "*/$2/12/cc1")
  shift 2
  "$cc1" -quiet -O2 "$@" probe.c -o probe.s
  tested=$(grep -o 'not_of_[0-9]*' probe.s | sed 's/not_of_//' | sort -n | head -n 1)
  echo "$name: $((tested / 2))"
}
{
  see aarch64 aarch64-linux-gnu
  see arm arm-linux-gnueabihf
  see x86-64 x86_64-linux-gnu
  see s390x s390x-linux-gnu
  see i686 x86_64-linux-gnu -m32
  see m68k m68k-linux-gnu
  see 'aarch64 -fno-builtin-malloc' aarch64-linux-gnu -fno-builtin-malloc
} > seen
cat > expected << 'E'
aarch64: 16
arm: 8
x86-64: 8
s390x: 8
i686: 4
m68k: 4
aarch64 -fno-builtin-malloc: 1
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
