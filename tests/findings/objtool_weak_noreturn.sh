#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# linux-kbuild-6.1 6.1.192-3 (objtool, which looks at every object of a kernel and its modules): of a function with weak
# binding it does not believe that it never returns, though its body says so, since another could take its place. Whatever
# calls it last is said to fall through to the next function. In C++ every inline function that is not inlined is weak: a
# [[noreturn]] one, as for errors, gets a warning for each caller, and their stacks may not be unwound. Made local in the
# object (objcopy --localize-symbol), it is believed.
#
# Seen: "falls through to next function" with the inline function, nothing when it is local.
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

cat > probe.cpp << 'CPP'
[[noreturn, gnu::noinline]] inline void stop() { __builtin_trap(); }
int use(const int* p) {
  if (p == nullptr) stop();
  return *p;
}
int next(int x) { return x + 1; }
CPP
objtool() {
  LD_LIBRARY_PATH=$(dirname "$(find root -name 'libelf.so.1')") \
    root/usr/lib/linux-kbuild-6.1/tools/objtool/objtool --orc --module "$1" 2>&1
}
c++ -O2 -fno-reorder-blocks-and-partition -fcf-protection=none -fno-asynchronous-unwind-tables -c probe.cpp -o weak.o
objcopy -w --localize-symbol='_Z4stop*' weak.o local.o
{
  echo weak: "$(objtool weak.o | grep -o '_Z3usePKi() falls through to next function')"
  echo local: "$(objtool local.o)"
} > seen
cat > expected << 'E'
weak: _Z3usePKi() falls through to next function
local:
E
cat seen
diff -b expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
