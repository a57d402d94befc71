#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# g++-12 12.2.0-14+deb12u1 (the C++ compiler itself, cc1plus): it leaves out a new-expression whose block is only
# deleted, also with -fno-builtin and with -ffreestanding, where nothing is known of malloc and free any more. A test of
# a replaced operator new that allocates and deletes runs none of it. What keeps the pair is -fno-allocation-dce, or to
# call the two operators as functions. (The C++ standard allows it, [expr.new]; clang 14 keeps the pair with either of
# the two options.)
#
# Seen at -O2, how many calls are left of `delete new int(3)`: none with each of the three options first named, two with
# -fno-allocation-dce; of `::operator delete(::operator new(4))`: two always.
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
package libisl23 0.25-1.1
package libmpc3 1.3.1-1
package libmpfr6 4.2.0-1
package libgmp10 2:6.2.1+dfsg1-1.1

cat > expression.cpp << 'CPP'
void f() { delete new int(3); }
CPP
cat > functions.cpp << 'CPP'
void f() { ::operator delete(::operator new(4)); }
CPP

LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH
for option in -fbuiltin -fno-builtin -ffreestanding -fno-allocation-dce; do
  for source in expression functions; do
    root/usr/lib/gcc/x86_64-linux-gnu/12/cc1plus -quiet -O2 $option $source.cpp -o $source.s
  done
  echo "$option: $(grep -cE '_Zn|_Zd' expression.s || true) and $(grep -cE '_Zn|_Zd' functions.s || true) calls"
done > seen
cat > expected << 'END'
-fbuiltin: 0 and 2 calls
-fno-builtin: 0 and 2 calls
-ffreestanding: 0 and 2 calls
-fno-allocation-dce: 2 and 2 calls
END
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
