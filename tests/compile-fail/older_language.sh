#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# older_language.sh C++-COMPILER INCLUDE: compiled as C++17, each public header says that it needs C++20, and nothing
# else.
set -eu
cxx=$1 include=$2
failed=0

for path in "$include"/rsb/*.hpp; do
  header=${path#"$include"/}
  errors=$(echo "#include <$header>" | "$cxx" -x c++ -std=c++17 -fsyntax-only -I "$include" - 2>&1 |
    grep -E ': ((fatal )?error|warning): ' || true)
  case $errors in
    *'
'* | '') ;;
    *'need C++20: -std=c++20'*) continue ;;
  esac
  echo "<$header> by $cxx: ${errors:-compiles}"
  failed=1
done
exit $failed
