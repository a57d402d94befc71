#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
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
  grep -q '^rsbmalloc: *[0-9]* *[0-9]* *[0-9]* *[0-9]* *[0-9]*$' errors || fail "$1: no bins"
}

reports sort
reports 'ls /etc /nowhere'
reports "perl -e '%ENV = (); print <>'"
reports "perl -e 'close STDERR; print sort <>'"
reports "perl -MPOSIX -e 'POSIX::_exit(5)'"
reports "/usr/bin/python3 -c 'import os; os._exit(6)'"
reports "sh -c 'exit 7'"  # dash's way
reports "bash -c 'exit 8'"

# are_of COMMAND NAME...: the programs of these names report, each process once, and no others.
are_of() {
  RSB_STATS=json LD_PRELOAD=$library sh -c "exec $1" > output 2> errors || fail "$1: exit status $?"
  what=$1
  shift
  grep '^{"program":' errors > reports
  names=$(sed 's/^{"program":"\([^"]*\)".*/\1/' reports | sort | tr '\n' ' ')
  [ "$names" = "$* " ] || fail "$what: reports of $names, not of $*"
  [ -z "$(sed 's/.*"pid":\([0-9]*\),.*/\1/' reports | sort | uniq -d)" ] || fail "$what: one reports twice"
}

# What is started by fork, by vfork and by posix_spawn, and what these execute; children that could not, say nothing.
echo 'int main(void) { return 0; }' > source.c
printf 'all:\n\t@ls -d .\n\t@/bin/ls -d . > /dev/null\n' > Makefile
are_of "sh -c 'ls -d .; exit 0'" ls sh
are_of "sh -c '(exit 0); exit 0'" sh sh
are_of "bash -c 'ls -d .; exit 0'" bash ls
are_of make ls ls make sh
are_of "/usr/bin/python3 -c 'import os, subprocess; subprocess.run([\"ls\"]); os.posix_spawn(\"/bin/ls\", [\"ls\"], os.environ); os.wait()'" ls ls python3
are_of "gcc -c source.c" as cc1 gcc

# Where there was nobody to hear it, nothing is said, nor unasked: what has the number of standard
# error by then, or that of what was kept in its place, may be anything.
LD_PRELOAD=$library sort /dev/null 2> errors
[ ! -s errors ] || fail "a report without RSB_STATS"
RSB_STATS=1 LD_PRELOAD=$library perl -e 'open(STDERR, ">", "other"); print STDERR fileno(STDERR)' \
  2>&-
[ "$(cat other)" = 2 ] || fail "a report into a file of the program: $(cat other)"

# Closes all, and opens others until each number is one of its own: few numbers, and many.
cat > reopen.pl << 'END'
use POSIX;
my ($most, $name) = @ARGV;
POSIX::close($_) for 0 .. $most;
my $files = 0;
$files++ while defined POSIX::open("$name.$files", O_CREAT | O_RDWR);
POSIX::_exit(1) if $files < $most / 2;
exit(0);
END
for limit in 40 1000; do
  rm -f own.*
  (ulimit -n $limit && RSB_STATS=1 LD_PRELOAD=$library exec perl reopen.pl $limit own) 2> errors ||
    fail "closes and opens up to $limit"
  [ -e own.30 ] || fail "closes and opens up to $limit: has not opened its own"
  [ -z "$(find . -name 'own.*' -size +0)" ] || fail "a report into $(find . -name 'own.*' -size +0)"
done

# One that closes all but the standard streams is heard.
RSB_STATS=1 LD_PRELOAD=$library perl -MPOSIX -e 'POSIX::close($_) for 3 .. 1000' 2> errors
grep -q '^rsbmalloc: [1-9][0-9]* live blocks of' errors || fail "no report by standard error itself"
