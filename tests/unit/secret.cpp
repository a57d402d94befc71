// SPDX-License-Identifier: MIT OR Apache-2.0
// Says where a block lies, the same in each run, and what the built heap has written into and
// around it, of which that is true only if its secrets are the same in each run.
#include <stdio.h>

#include "rsb/rsb.h"

#if defined(_WIN32)
#include "rsb/kernel32.hpp"
#else
#include <sys/mman.h>
#endif

namespace {

constexpr size_t bytes = 1 << 20;

void* memory() {
  // Where address randomisation puts nothing, if there is any.
  void* const at = reinterpret_cast<void*>(sizeof(void*) == 8 ? 0x1000'0000'0000 : 0x2000'0000);
#if defined(_WIN32)
  return VirtualAlloc(at, bytes, 0x3000, 4);
#else
  void* const p = mmap(at, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return p == at ? p : nullptr;
#endif
}

}  // namespace

int main() {
  void* const region = memory();
  if (region == nullptr || rsb_add_region(region, bytes) == 0) return 1;
  unsigned char* const first = static_cast<unsigned char*>(rsb_malloc(100));
  unsigned char* const second = static_cast<unsigned char*>(rsb_malloc(100));
  if (first == nullptr || second == nullptr) return 1;
  rsb_free(first);
  rsb_free(second);
  printf("%p\n", static_cast<void*>(second));
  for (int i = -32; i < 8; i++) printf("%02x", second[i]);
  return puts("") < 0;
}
