#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# g++-12 12.2.0-14+deb12u1 (the C++ compiler itself, cc1plus): a type whose alignment an attribute lowers, as for words at
# any address, loses that when the type is deduced. `const auto* at = reinterpret_cast<const Words*>(p)` is read with the
# instruction for aligned memory, `const Words* at = ...` with the other; neither gets a warning with -Wall -Wextra. A
# template says so where its argument is written out (-Wignored-attributes). clang 14 and 19 keep the alignment through
# auto; through a template they do not, and warn of it (-Walign-mismatch).
#
# Seen at -O2, how a vector of 16 bytes, declared to be aligned to 8, is read: movdqu by its name, by a cast, and by
# decltype of a pointer; movdqa by auto*, by auto&, and by a deduced template argument.
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

cat > probe.cpp << 'CPP'
typedef unsigned long Words __attribute__((vector_size(16), aligned(8)));
typedef unsigned long Usual __attribute__((vector_size(16)));

template <class T>
inline void copy_deduced(Usual* to, const T* at) {
  *to = *at;
}

extern "C" {
void by_name(Usual* to, const char* p) {
  const Words* at = reinterpret_cast<const Words*>(p);
  *to = *at;
}
void by_cast(Usual* to, const char* p) { *to = *reinterpret_cast<const Words*>(p); }
void by_decltype(Usual* to, const char* p) {
  decltype(reinterpret_cast<const Words*>(p)) at = reinterpret_cast<const Words*>(p);
  *to = *at;
}
void by_auto(Usual* to, const char* p) {
  const auto* at = reinterpret_cast<const Words*>(p);
  *to = *at;
}
void by_auto_reference(Usual* to, const char* p) {
  const auto& at = *reinterpret_cast<const Words*>(p);
  *to = at;
}
void by_template(Usual* to, const char* p) { copy_deduced(to, reinterpret_cast<const Words*>(p)); }
}
CPP
LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu
export LD_LIBRARY_PATH
root/usr/lib/gcc/x86_64-linux-gnu/12/cc1plus -quiet -O2 -Wall -Wextra probe.cpp -o probe.s 2> warnings
{
  awk '/^by_[a-z_]*:/ { name = $1 } /\(%rsi\)/ { print name, $1 }' probe.s
  echo "warnings: $(grep -c warning: warnings || true)"
} > seen
cat > expected << 'END'
by_name: movdqu
by_cast: movdqu
by_decltype: movdqu
by_auto: movdqa
by_auto_reference: movdqa
by_template: movdqa
warnings: 0
END
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
