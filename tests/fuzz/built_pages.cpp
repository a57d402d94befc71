// SPDX-License-Identifier: MIT OR Apache-2.0
// What a program defines for RSB_PLATFORM=user.
#include "fuzz/built_pages.hpp"

extern "C" void* rsb_pages_acquire(size_t bytes, size_t alignment) {
  return fuzz::built_source.acquire(bytes, alignment);
}
extern "C" void rsb_pages_release(void* base, size_t bytes) {
  fuzz::built_source.release(base, bytes);
}
extern "C" uint32_t rsb_random() {
  return 0x12345678;
}
extern "C" int* rsb_errno() noexcept {
  return &fuzz::error_number;
}
