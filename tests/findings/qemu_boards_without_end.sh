#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# qemu-system-arm 1:7.2+dfsg-7+deb12u18+b3: the memory of some boards has no end. On lm3s6965evb and netduino2 a store
# behind the last RAM, where the board has nothing, does not fault: it vanishes, and a load gives zero. So a heap or a
# stack that runs out of RAM goes on with memory that forgets. On mps2-an385, microbit, netduinoplus2 and
# stm32vldiscovery the same program gets its fault. (And netduinoplus2 has 192 KiB in one piece, of which an STM32F405
# has the last 64 elsewhere.)
#
# Seen, of a word behind RAM: zero, zero; fault four times; of one at 0x2002fffc on netduinoplus2: kept.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
installed() {
  there=$(dpkg-query -W -f '${Version}' "$1" 2> /dev/null || true)
  [ "$there" = "$2" ] || { echo "$0: needs $1 $2, here is: ${there:-none}" >&2 && exit 2; }
}
installed gcc-arm-none-eabi 15:12.2.rel1-1
installed qemu-system-arm 1:7.2+dfsg-7+deb12u18+b3

cat > probe.c << 'C'
#include <stdint.h>

static void semihosting(int operation, const void* argument) {
  register int r0 __asm__("r0") = operation;
  register const void* r1 __asm__("r1") = argument;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
}
static void end(const char* text) {
  semihosting(4, text);                       // SYS_WRITE0
  semihosting(0x18, (const void*)0x20026ul);  // SYS_EXIT
  for (;;) {
  }
}
static void fault(void) { end("fault\n"); }
void start(void) {
  volatile uint32_t* const behind = (volatile uint32_t*)BEHIND;
  *behind = 0x12345678;
  end(*behind == 0x12345678 ? "kept\n" : *behind == 0 ? "zero\n" : "other\n");
}
extern char stack_top[];
__attribute__((section(".vectors"), used)) static void* const vectors[] = {
    stack_top, start, fault, fault, fault, fault, fault, fault,
    fault, fault, fault, fault, fault, fault, fault, fault,
};
C
# see BOARD CPU FLASH BEHIND
see() {
  arm-none-eabi-gcc -O1 -w -mcpu="$2" -mthumb -ffreestanding -nostdlib -DBEHIND="$4" probe.c -o probe -Wl,-e,start \
    -Wl,--section-start=.vectors="$3" -Wl,-Ttext="$(printf '0x%x' $(($3 + 256)))" -Wl,--defsym=stack_top=0x20001000
  timeout 60 qemu-system-arm -M "$1" -kernel probe -nographic -serial none -monitor none \
    -semihosting-config enable=on,target=native > said 2>&1
  echo "$1, $4: $(grep -o -E '^(fault|kept|zero|other)' said)"
}
{
  see lm3s6965evb cortex-m3 0 0x20010000
  see netduino2 cortex-m3 0x08000000 0x20020000
  see mps2-an385 cortex-m3 0 0x24000000  # 0x22000000 has the bits of 0x20000000
  see microbit cortex-m0 0 0x20004000
  see netduinoplus2 cortex-m4 0x08000000 0x20030000
  see netduinoplus2 cortex-m4 0x08000000 0x2002fffc
  see stm32vldiscovery cortex-m3 0x08000000 0x20002000
} > seen
cat > expected << 'E'
lm3s6965evb, 0x20010000: zero
netduino2, 0x20020000: zero
mps2-an385, 0x24000000: fault
microbit, 0x20004000: fault
netduinoplus2, 0x20030000: fault
netduinoplus2, 0x2002fffc: kept
stm32vldiscovery, 0x20002000: fault
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
