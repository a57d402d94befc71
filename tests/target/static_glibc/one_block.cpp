// SPDX-License-Identifier: MIT OR Apache-2.0
// A program with one small block, and how much memory it has for that: less than 2 MiB, which is
// much for so small a program, and little beside a huge page of 32 MiB.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main() {
  void* const block = malloc(100);
  if (block == nullptr) return 2;
  memset(block, 1, 100);
  FILE* const status = fopen("/proc/self/status", "r");
  if (status == nullptr) return 3;
  char line[200];
  unsigned long resident = 0;  // KiB
  while (resident == 0 && fgets(line, sizeof line, status) != nullptr) {
    if (sscanf(line, "VmRSS: %lu", &resident) == 1) break;
  }
  fclose(status);
  free(block);
  printf("%lu KiB resident\n", resident);
  return resident > 0 && resident < 2048 ? 0 : 1;
}
