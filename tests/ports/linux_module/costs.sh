#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# What a pair of allocation and release takes, in instructions, and memory for many blocks, as multiples of the kernel's
# own allocator's; which shall not fill what it hands out with zeros, as Debian's kernel does unless told. On one
# processor, all of whose instructions take the same time, and with addresses of 48 bits.
#
#   costs.sh PORT caches|no_caches    the folder that has the modules
set -eu

port=$1 folder=$2
case $folder in
  caches) most_of_pair=60 ;;
  no_caches) most_of_pair=90 ;;
esac
cat > "$folder/costs.commands" << 'END'
insmod rsbmalloc.ko
insmod rsbmalloc_test.ko mode=bench
rmmod rsbmalloc_test
rmmod rsbmalloc
END
RSB_QEMU='-smp 1 -icount shift=0' RSB_APPEND='init_on_alloc=0 no5lvl' \
  "$port/boot" kernel/vmlinuz "$folder/costs.commands" "$folder/rsbmalloc.ko" "$folder/rsbmalloc_test.ko" \
  > "$folder/costs.log" || { cat "$folder/costs.log" && exit 1; }
cat "$folder/costs.log"

# ratio LINE: of the line that begins so, in percent.
ratio() {
  sed -n "s/.*rsbmalloc_test: $1.*, ratio \([0-9]*\) %/\1/p" "$folder/costs.log"
}
test "$(ratio 'pair of 64 bytes')" -le $most_of_pair
test "$(ratio 'pair of 8 to 2048 bytes')" -le $most_of_pair
test "$(ratio 'memory of 100000 blocks')" -le 95
