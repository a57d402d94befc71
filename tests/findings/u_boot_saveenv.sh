#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# u-boot-qemu 2023.01+dfsg-2+deb12u3, on QEMU 7.2's virt for which it is built: saveenv always fails. It takes a bank of
# the board's flash for half of what it is, 256 sectors of 128 KiB where QEMU has 256 of 256 KiB; the sectors are
# erased, and writing them times out, also when time is counted in instructions (-icount). So the environment lasts
# until the next reset, though its place in flash is configured. 64-bit and 32-bit are alike.
#
# Seen of both: "Size: 32 MB in 256 Sectors", sector-length 262144; "Timeout writing to Flash", "Failed (1)", status 1.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
installed() {
  there=$(dpkg-query -W -f '${Version}' "$1" 2> /dev/null || true)
  [ "$there" = "$2" ] || { echo "$0: needs $1 $2, here is: ${there:-none}" >&2 && exit 2; }
}
package() {
  apt-get -qq -o APT::Sandbox::User=root download "$1=$2"
  dpkg -x "$1"_*.deb root
  rm "$1"_*.deb
}
installed qemu-system-arm 1:7.2+dfsg-7+deb12u18+b3
package u-boot-qemu 2023.01+dfsg-2+deb12u3

# Waits for a prompt that has nothing behind it yet.
prompt() {
  for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30; do
    ! tail -n 1 said | tr -d '\r' | grep -a -q '^=> $' || return 0
    sleep 2
  done
  kill $emulator
  cat said && exit 1
}
# boot PROCESSOR IMAGE
boot() {
  image=root/usr/lib/u-boot/$2/u-boot.bin
  set -- qemu-system-aarch64 -M virt -cpu "$1" -m 512M -nic none -bios "$image" -display none -no-reboot
  printf 'info qtree\nquit\n' | timeout 60 "$@" -S -serial none -monitor stdio |
    grep -o -E 'sector-length = [0-9]+' | uniq
  rm -f input && mkfifo input
  : > said
  timeout 300 "$@" -serial stdio -monitor none < input > said 2>&1 &
  emulator=$!
  exec 3> input
  for command in flinfo saveenv 'echo status $?'; do
    prompt
    echo "$command" >&3
    sleep 4
  done
  prompt
  echo reset >&3
  wait $emulator
  exec 3>&-
  tr -d '\r' < said | sed -n -e 's/^.*\(Size: .*\)$/\1/p' -e '/^Timeout/p' -e '/^Failed/p' -e '/^status/p' | uniq
}
{
  boot cortex-a57 qemu_arm64
  boot cortex-a15 qemu_arm
} > seen
cat > expected << 'E'
sector-length = 262144
Size: 32 MB in 256 Sectors
Timeout writing to Flash
Failed (1)
status 1
sector-length = 262144
Size: 32 MB in 256 Sectors
Timeout writing to Flash
Failed (1)
status 1
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
