// SPDX-License-Identifier: MIT OR Apache-2.0
// Says which exception it was, by semihosting: the C library may be what failed.
#include <stdint.h>

namespace {

// Sixteen digits.
void write_hexadecimal(char* digits, uint64_t value) {
  for (int i = 15; i >= 0; i--, value >>= 4) digits[i] = "0123456789abcdef"[value & 0xf];
}

void write(const char* text) {
  register uint64_t operation asm("x0") = 0x04;  // SYS_WRITE0
  register const char* argument asm("x1") = text;
  asm volatile("hlt #0xf000" : "+r"(operation) : "r"(argument) : "memory");
}

}  // namespace

// By start.S: the syndrome, where it happened, and the address that was accessed, if one was.
extern "C" void rsb_port_report_exception(uint64_t syndrome, uint64_t place, uint64_t address) {
  char text[] =
      "processor exception: ESR ................, ELR ................, FAR ................\n";
  write_hexadecimal(text + 25, syndrome);
  write_hexadecimal(text + 47, place);
  write_hexadecimal(text + 69, address);
  write(text);
}
