// SPDX-License-Identifier: MIT OR Apache-2.0
// As tests/unit/secret.cpp, of a program without a C library.
#include "rsb/rsb.h"
#include "runtime.hpp"

namespace {

alignas(64 * 1024) char region[1 << 20];

}  // namespace

extern "C" int main() {
  if (rsb_add_region(region, sizeof region) == 0) return 1;
  void* const first = rsb_malloc(100);
  unsigned char* const second = static_cast<unsigned char*>(rsb_malloc(100));
  rsb_free(first);
  rsb_free(second);
  print("in the region\n");
  char text[] = "00000000\n";
  for (size_t i = 0; i < 4; i++) {
    text[2 * i] = "0123456789abcdef"[second[i] >> 4];
    text[2 * i + 1] = "0123456789abcdef"[second[i] & 15];
  }
  print(text);
  return reinterpret_cast<char*>(second) >= region ? 0 : 1;
}
