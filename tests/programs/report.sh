#!/bin/sh
# report.sh LIBRARY: with RSB_STATS set a program reports on the standard error it was started with,
# and does besides what it does without; also one that closes standard error before it ends, as all
# coreutils do, or that forgets its environment.
set -eu
LC_ALL=C
export LC_ALL

library=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
seq 1000 > input

fail() {
  echo "$*"
  cat errors
  exit 1
}

# reports COMMAND: its output, its exit status, and after its own errors the report.
reports() {
  status=0 preloaded=0
  sh -c "$1" > output 2> expected < input || status=$?
  RSB_STATS=1 LD_PRELOAD=$library sh -c "exec $1" > output.preloaded 2> errors \
    < input || preloaded=$?
  [ "$status" = "$preloaded" ] || fail "$1: exit status $preloaded, not $status"
  cmp output output.preloaded || fail "$1: another output"
  head -n "$(wc -l < expected)" errors | cmp expected - || fail "$1: other errors"
  grep -q '^rsbmalloc: [1-9][0-9]* live blocks of' errors || fail "$1: no report"
  grep -q '^rsbmalloc: *[0-9]* *[0-9]* *[0-9]* *[0-9]*$' errors || fail "$1: no bins"
}

reports sort
reports 'ls /etc /nowhere'
reports "perl -e '%ENV = (); print <>'"
reports "perl -e 'close STDERR; print sort <>'"

# Nothing is said unasked, or where there was nobody to hear it: what has the number of standard
# error by then may be anything.
LD_PRELOAD=$library sort /dev/null 2> errors
[ ! -s errors ] || fail "a report without RSB_STATS"
RSB_STATS=1 LD_PRELOAD=$library perl -e 'open(STDERR, ">", "other"); print STDERR fileno(STDERR)' \
  2>&-
[ "$(cat other)" = 2 ] || fail "a report into a file of the program: $(cat other)"
