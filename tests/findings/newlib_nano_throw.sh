#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# libstdc++-arm-none-eabi-newlib 15:12.2.rel1-1+23: with newlib-nano (--specs=nano.specs) a C++ program compiles and
# links with exceptions, and the first throw ends it, though main would catch it: the library's own __cxa_throw has no
# entry in the unwinder's table, so nobody can be found behind it. And operator new does not try to throw: it is
# compiled to call abort when malloc has no more. So does new(std::nothrow), which is there to give null.
#
# Seen: full: 5 is caught, and bad_alloc from operator new, and nothrow gives null; nano: the terminate handler; abort;
# abort.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
installed() {
  there=$(dpkg-query -W -f '${Version}' "$1" 2> /dev/null || true)
  [ "$there" = "$2" ] || { echo "$0: needs $1 $2, here is: ${there:-none}" >&2 && exit 2; }
}
installed gcc-arm-none-eabi 15:12.2.rel1-1
installed libnewlib-arm-none-eabi 3.3.0-1.3+deb12u1
installed libstdc++-arm-none-eabi-newlib 15:12.2.rel1-1+23
installed qemu-user 1:7.2+dfsg-7+deb12u18+b3

cat > probe.cpp << 'CPP'
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>

volatile std::size_t much = 0x70000000;

static void end(const char* what) {
  std::puts(what);
  std::fflush(stdout);
  std::_Exit(0);
}
static void terminated() { end("terminate"); }
extern "C" void abort() { end("abort"); }

int main() {
  std::set_terminate(terminated);
  try {
#if defined(THROW)
    throw 5;
#elif defined(NEW)
    end(::operator new(much) == nullptr ? "null" : "block");
#else
    end(new (std::nothrow) char[much] == nullptr ? "null" : "block");
#endif
  } catch (int) {
    end("5");
  } catch (const std::bad_alloc&) {
    end("bad_alloc");
  }
}
CPP
for library in rdimon 'nano.specs --specs=rdimon'; do
  for what in THROW NEW NOTHROW; do
    arm-none-eabi-g++ -O1 -w -D$what probe.cpp --specs=$library.specs -o probe
    echo "$library, $what: $(qemu-arm ./probe)"
  done
done > seen
cat > expected << 'E'
rdimon, THROW: 5
rdimon, NEW: bad_alloc
rdimon, NOTHROW: null
nano.specs --specs=rdimon, THROW: terminate
nano.specs --specs=rdimon, NEW: abort
nano.specs --specs=rdimon, NOTHROW: abort
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
