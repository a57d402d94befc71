#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# headers.sh INCLUDE C-COMPILER C++-COMPILER: each installed header compiles alone, without a warning, and
# all but memory_resource.hpp without a C++ library.
set -eu
include=$1 cc=$2 cxx=$3
warnings='-Wall -Wextra -Wconversion -Wshadow -Wpedantic -Werror'
failed=0

alone() {
  header=$1
  shift
  printf '#include <rsb/%s>\n' "$header" | "$@" $warnings -fsyntax-only -I "$include" - || {
    echo "failed: <rsb/$header> by $*"
    failed=1
  }
}

for standard in c99 c11 c2x; do alone rsb.h "$cc" -x c -std=$standard; done
for standard in c++11 c++17; do alone rsb.h "$cxx" -x c++ -std=$standard; done
for path in "$include"/rsb/*.h* "$include"/rsb/internal/*/*.hpp; do
  header=${path#"$include"/rsb/}
  case $header in
    memory_resource.hpp) alone "$header" "$cxx" -x c++ -std=c++20 ;;
    *) alone "$header" "$cxx" -x c++ -std=c++20 -nostdinc++ ;;
  esac
done
exit $failed
