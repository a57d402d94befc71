#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# The self-test in a kernel on four processors, of which one is taken away meanwhile; memory that runs out; misuse. The
# kernel finds no fault but with the latter, and when the module is unloaded nothing is left.
#
#   stress.sh PORT FOLDER    FOLDER has the modules
set -eu

port=$1 folder=$2
log=$folder/stress.log
cat > "$folder/stress.commands" << 'END'
heap=/sys/kernel/debug/rsbmalloc
cpu=/sys/devices/system/cpu/cpu3/online
insmod rsbmalloc.ko

insmod rsbmalloc_test.ko seconds=6 &
sleep 2
echo 0 > $cpu
sleep 1
echo 2 > /proc/sys/vm/drop_caches
cat $heap/check $heap/bins $heap/map
grep -q '^all is well$' $heap/check
echo 1 > $heap/trim
sleep 1
echo 1 > $cpu
wait $!
rmmod rsbmalloc_test

insmod rsbmalloc_test.ko mode=exhaust
rmmod rsbmalloc_test
cat $heap/stats
grep -q '^caches_returned  *1$' $heap/stats
grep -q '^shrinks  *[1-9]' $heap/stats

# Whoever frees what is no live block dies, and the heap is as it was.
echo ==== misuse
for mode in double_free foreign interior; do
  insmod rsbmalloc_test.ko mode=$mode
  rmmod rsbmalloc_test
done
echo ==== end of misuse
grep -q '^all is well$' $heap/check
rmmod rsbmalloc

echo ==== misuse
insmod rsbmalloc.ko
insmod rsbmalloc_test.ko mode=leak
rmmod rsbmalloc_test
rmmod rsbmalloc
insmod rsbmalloc.ko
insmod rsbmalloc_test.ko mode=overwritten
END
# Debian's kernel preempts no thread inside it unless told.
RSB_APPEND=preempt=full \
  "$port/boot" kernel/vmlinuz "$folder/stress.commands" "$folder/rsbmalloc.ko" "$folder/rsbmalloc_test.ko" > "$log" ||
  { cat "$log" && exit 1; }
grep -v -E '^\[[ .0-9]*\] ([A-Z]{2,}[0-9]*:|RIP|Code|Hardware name|[0-9A-Z ]*Modules)' "$log"

if sed '/^==== misuse/,/^==== \(end of misuse\|status\)/d' "$log" |
  grep -E 'WARNING:|BUG:|BUG |Oops|general protection|invalid opcode|Call Trace|stall|lockup|hung'; then
  exit 1
fi
for fault in 'double free' 'freed pointer is not from this heap' \
  'freed pointer points into a block, not at its start' 'free block was written to'; do
  test "$(grep -c "rsbmalloc: $fault: " "$log")" = 1
done
test "$(grep -c 'kernel BUG at' "$log")" = 4
test "$(grep -c 'rsbmalloc: 1 blocks of 112 bytes were never freed; their pages are lost' "$log")" = 1

set -- $(sed -n 's/.*rsbmalloc: unloaded: \([0-9]*\) pages acquired, \([0-9]*\) released/\1 \2/p' "$log")
test $# = 2
test "$1" -gt 100000
test "$1" = "$2"
