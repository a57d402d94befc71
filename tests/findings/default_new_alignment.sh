#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# g++-12 12.2.0-14+deb12u1 with -m32, g++-12-s390x-linux-gnu 12.2.0-14cross1, and clang-14 1:14.0.6-12 for both targets:
# they do not agree on which operator new an object goes to whose type is aligned to 16 bytes, since each has its own
# __STDCPP_DEFAULT_NEW_ALIGNMENT__. On i686 g++ calls plain operator new, and clang the one with an alignment; on s390x it
# is the other way round. So a program of object files by both has blocks of one type from two operators, and who
# replaces operator new must replace both, and align what the plain one returns to 16 for either compiler.
#
# Seen, of `new Line`, Line being aligned to 16: i686 g++ 16, _Znwj, clang 8U, _ZnwjSt11align_val_t; s390x g++ 8,
# _ZnwmSt11align_val_t, clang 16UL, _Znwm.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
package() {
  apt-get -qq -o APT::Sandbox::User=root download "$1=$2"
  dpkg -x "$1"_*.deb root
  rm "$1"_*.deb
}

package g++-12 12.2.0-14+deb12u1
package g++-12-s390x-linux-gnu 12.2.0-14cross1
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

cat > line.cpp << 'CPP'
struct alignas(16) Line {
  char bytes[16];
};
void* make() { return new Line; }
CPP
echo '__STDCPP_DEFAULT_NEW_ALIGNMENT__' > alignment.cpp

LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu:$work/root/lib/x86_64-linux-gnu:$work/root/usr/lib/llvm-14/lib
export LD_LIBRARY_PATH
lib=$work/root/usr/lib
clang() {
  target=$1
  shift
  "$lib/llvm-14/bin/clang" "--target=$target" -std=c++17 "$@"
}
# It knows -S as what it does anyway.
cc1plus() {
  "$lib"/gcc*/"$1"/12/cc1plus -quiet -std=c++17 $(shift && echo "$@" | sed 's/-S //')
}
# The compilers proper, which assemble and link nothing.
see() {
  name=$1
  shift
  "$@" -E alignment.cpp -o alignment
  "$@" -S line.cpp -o line.s
  echo "$name: $(tail -n 1 alignment), $(grep -o '_Zn[A-Za-z0-9_]*' line.s | head -n 1)"
}
{
  see 'i686, g++' cc1plus x86_64-linux-gnu -m32
  see 'i686, clang' clang i686-linux-gnu
  see 's390x, g++' cc1plus s390x-linux-gnu
  see 's390x, clang' clang s390x-linux-gnu
} > seen
cat > expected << 'END'
i686, g++: 16, _Znwj
i686, clang: 8U, _ZnwjSt11align_val_t
s390x, g++: 8, _ZnwmSt11align_val_t
s390x, clang: 16UL, _Znwm
END
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
