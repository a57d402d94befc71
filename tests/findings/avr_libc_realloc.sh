#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# avr-libc 1:2.0.0+Atmel3.6.2-3, on QEMU 7.2's Arduino Uno: realloc(p, 0) neither frees the block nor gives null, but
# returns p as it is, since the block is large enough; a program that counts on it to free leaks, one that takes the
# result for a block is right. A malloc that fails leaves errno alone, though errno.h has ENOMEM. And one byte costs
# four, as none does.
#
# Seen: step 4 and 4; the same pointer; null, errno 0.
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
installed qemu-system-misc 1:7.2+dfsg-7+deb12u18+b3
package avr-libc 1:2.0.0+Atmel3.6.2-3
package gcc-avr 1:5.4.0+Atmel3.6.2-3
package binutils-avr 2.26.20160125+Atmel3.6.2-4

cat > probe.c << 'C'
#include <avr/io.h>
#include <errno.h>
#include <stdlib.h>

static volatile size_t none = 0;

static void put(char c) {
  while (!(UCSR0A & (1 << UDRE0))) {
  }
  UDR0 = c;
}
static void say(const char* text, int number) {
  char digits[8];
  itoa(number, digits, 10);
  for (; *text; text++) put(*text);
  for (char* d = digits; *d; d++) put(*d);
  put('\n');
}

int main(void) {
  UCSR0B = 1 << TXEN0;
  char* a = malloc(1);
  char* b = malloc(1);
  char* c = malloc(none);
  char* d = malloc(none);
  say("a block of 1 takes ", b - a);
  say("a block of 0 takes ", d - c);
  say("realloc to 0 gives the same: ", realloc(d, none) == d);
  errno = 0;
  say("no memory is null: ", malloc(60000u) == NULL);
  say("errno: ", errno);
  for (;;) {
  }
}
C
avr=$work/root/usr/lib/avr
LD_LIBRARY_PATH=$work/root/usr/lib/x86_64-linux-gnu root/usr/bin/avr-gcc -w -mmcu=atmega328p -Os -fno-builtin \
  -isystem "$avr/include" -B "$avr/lib/avr5" -L "$avr/lib/avr5" probe.c -o probe.elf
# It runs for ever: give it until it has said all.
: > seen
qemu-system-avr -M uno -bios probe.elf -nographic -serial file:seen -monitor none < /dev/null 2> /dev/null &
emulator=$!
for second in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  grep -q errno seen && break
  sleep 1
done
sleep 1
kill $emulator
cat > expected << 'E'
a block of 1 takes 4
a block of 0 takes 4
realloc to 0 gives the same: 1
no memory is null: 1
errno: 0
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
