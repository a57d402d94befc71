#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# cpp-12 12.2.0-14+deb12u1 (the C compiler itself, cc1): -fno-builtin-calloc does not keep it from making a call of
# calloc out of malloc and memset. So a calloc that is written as these two calls itself, though its author has said
# that calloc is none of the compiler's. What helps is to say so of malloc or of memset, of all (-fno-builtin), or
# -ffreestanding. (What the option names are the calls that the source contains.)
#
# Seen at -O2, what the function calls: calloc by default and with -fno-builtin-calloc; malloc and memset with
# -fno-builtin-malloc, with -fno-builtin-memset, with -fno-builtin and with -ffreestanding.
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
package libisl23 0.25-1.1
package libmpc3 1.3.1-1
package libmpfr6 4.2.0-1
package libgmp10 2:6.2.1+dfsg1-1.1

cat > probe.c << 'C'
void* malloc(__SIZE_TYPE__ size);
void* memset(void* memory, int byte, __SIZE_TYPE__ size);

void* calloc(__SIZE_TYPE__ count, __SIZE_TYPE__ size) {
  const __SIZE_TYPE__ all = count * size;
  void* const block = malloc(all);
  if (block) memset(block, 0, all);
  return block;
}
C

LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH
for option in -fbuiltin -fno-builtin-calloc -fno-builtin-malloc -fno-builtin-memset -fno-builtin -ffreestanding; do
  root/usr/lib/gcc/x86_64-linux-gnu/12/cc1 -quiet -O2 $option probe.c -o probe.s
  called=$(sed -n 's/^\t\(call\|jmp\)\t\([a-z]*\).*$/\2/p' probe.s)
  echo "$option:" $called
done > seen
cat > expected << 'END'
-fbuiltin: calloc
-fno-builtin-calloc: calloc
-fno-builtin-malloc: malloc memset
-fno-builtin-memset: malloc memset
-fno-builtin: malloc memset
-ffreestanding: malloc memset
END
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
