#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# linux-kbuild-6.1 6.1.192-3 (objtool, which looks at every object of a kernel and its modules): an object is refused, and
# no module built, if a function of which the compiler puts the rare part elsewhere ("name.cold") has a name of more than
# 128 characters. No function in C has one; in C++ templates have. gcc's -fno-reorder-blocks-and-partition leaves functions
# in one piece.
#
# Seen: status 0 for a name of 128 characters, 1 for 129, and 0 again for those in one piece.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
package() {
  apt-get -qq -o APT::Sandbox::User=root download "$1=$2"
  dpkg -x "$1"_*.deb root
  rm "$1"_*.deb
}
package linux-kbuild-6.1 6.1.192-3
package libelf1 0.188-2.1

# probe LENGTH OPTION...
probe() {
  name=$(printf '%*s' "$1" '' | tr ' ' a)
  length=$1
  shift
  cat > probe.c << C
void rare(void) __attribute__((cold));
int $name(int x);
int $name(int x) {
  if (x == 3) {
    rare();
    rare();
    x += 7;
  }
  return x * 5;
}
C
  cc -O2 -fcf-protection=none -fno-asynchronous-unwind-tables "$@" -c probe.c -o probe.o
  status=0
  LD_LIBRARY_PATH=$(dirname "$(find root -name 'libelf.so.1')") \
    root/usr/lib/linux-kbuild-6.1/tools/objtool/objtool --orc --module probe.o || status=$?
  echo "$length $*: $status" >> seen
}
probe 128
probe 129
probe 129 -fno-reorder-blocks-and-partition
cat > expected << 'E'
128 : 0
129 : 1
129 -fno-reorder-blocks-and-partition: 0
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
