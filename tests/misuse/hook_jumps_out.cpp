// SPDX-License-Identifier: MIT OR Apache-2.0
// A hook that jumps out of the faulty call finds the heap as it was before.
#include <setjmp.h>
#include <string.h>

#include "rsb/rsb.h"

static jmp_buf before;
static rsb_fault_kind caught;

extern "C" void rsb_fault(rsb_fault_kind kind, const void*) {
  caught = kind;
  longjmp(before, 1);
}

template <class Call>
static bool faults(rsb_fault_kind kind, Call call) {
  caught = {};
  if (setjmp(before) == 0) {
    call();
    return false;
  }
  return caught == kind && rsb_check() == nullptr;
}

static long object;

int main() {
  char* const block = static_cast<char*>(rsb_malloc(48));
  char* const freed = static_cast<char*>(rsb_malloc(48));
  char* const large = static_cast<char*>(rsb_malloc(100'000));
  void* const run = rsb_page_allocate(2, 0);
  rsb_free(freed);
  for (int i = 0; i < 1000; i++) {
    if (!faults(RSB_DOUBLE_FREE, [=] { rsb_free(freed); })) return 1;
    if (!faults(RSB_FOREIGN_POINTER, [] { rsb_free(&object); })) return 2;
    if (!faults(RSB_INTERIOR_POINTER, [=] { rsb_free(block + 16); })) return 3;
    if (!faults(RSB_INTERIOR_POINTER, [=] { rsb_free(large + 65536); })) return 4;
    if (!faults(RSB_MISALIGNED_POINTER, [=] { rsb_free(block + 3); })) return 5;
    if (!faults(RSB_SIZE_MISMATCH, [=] { rsb_free_sized(block, 100); })) return 6;
    if (!faults(RSB_SIZE_MISMATCH, [=] { rsb_free_sized(large, 1); })) return 7;
    if (!faults(RSB_FOREIGN_POINTER, [=] { rsb_free(run); })) return 8;
    if (!faults(RSB_FOREIGN_POINTER, [=] { rsb_page_free(large); })) return 9;
    if (!faults(RSB_INTERIOR_POINTER, [=] { rsb_free(rsb_realloc(large + 16, 10)); })) return 10;
  }
  rsb_free(block);
  rsb_free(large);
  rsb_page_free(run);
  rsb_stats stats;
  rsb_get_stats(&stats);
  return stats.live_blocks != 0;
}
