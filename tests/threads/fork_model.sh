#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# No circle of threads that wait for each other can come about around fork, says SPIN of the model in fork.pml; and it
# finds one for each order of locks that is known to be wrong.
#
#   fork_model.sh FOLDER    a place for what SPIN generates
set -eu

model=$(cd "$(dirname "$0")" && pwd)/fork.pml
mkdir -p "$1"
cd "$1"

# search [-DWRONG_ORDER]: tries all interleavings; prints what pan says.
search() {
  spin -a "$@" "$model" > spin.out
  cc -w -DSAFETY -DNOFAIR -o pan pan.c
  ./pan -w20 -m100000 > pan.out
  if grep -q 'max search depth too small\|out of memory\|hash table full' pan.out; then
    cat pan.out
    echo "$0: not all interleavings were tried" >&2
    exit 1
  fi
}

for right in '' -DIN_HANDLER; do
  search $right
  grep -q 'errors: 0$' pan.out || {
    cat pan.out
    echo "$0: a circle, or a heap that is not whole $right" >&2
    exit 1
  }
  grep 'states, stored' pan.out
done

for wrong in -DPREPARE_FIRST -DHEAP_BEFORE_STREAMS -DNO_REGISTRATION "-DIN_HANDLER -DWAIT_WITH_STREAMS"; do
  search $wrong
  grep -q 'invalid end state' pan.out || {
    cat pan.out
    echo "$0: $wrong should lead to a circle" >&2
    exit 1
  }
  echo "$wrong: a circle is found, as it should be"
done
