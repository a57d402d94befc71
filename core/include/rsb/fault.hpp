// SPDX-License-Identifier: MIT OR Apache-2.0
// What happens when the heap catches a misuse: one hook, which does not return.
#pragma once

#include "rsb/arch.hpp"
#include "rsb/rsb.h"

// A weak reference: where nobody defines rsb_fault(), a fault traps.
extern "C" [[gnu::weak]] void rsb_fault(rsb_fault_kind, const void*);

namespace rsb {

// rsb_fault, or null: in memory, where instructions do not reach it.
inline void (*const volatile fault_hook)(rsb_fault_kind, const void*) = rsb_fault;

enum class Fault : int {
  double_free = RSB_DOUBLE_FREE,
  foreign_pointer = RSB_FOREIGN_POINTER,
  interior_pointer = RSB_INTERIOR_POINTER,
  misaligned_pointer = RSB_MISALIGNED_POINTER,
  size_mismatch = RSB_SIZE_MISMATCH,
  overwritten_link = RSB_OVERWRITTEN_LINK,
  bad_pages = RSB_BAD_PAGES,
  page_size_too_small = RSB_PAGE_SIZE_TOO_SMALL,
  out_of_memory = RSB_OUT_OF_MEMORY,
  call_inside_call = RSB_CALL_INSIDE_CALL,
  overflow = RSB_OVERFLOW,
  underflow = RSB_UNDERFLOW,
  mismatched_release = RSB_MISMATCHED_RELEASE,
  damaged_descriptor = RSB_DAMAGED_DESCRIPTOR,
};

// The sentence that names a fault, for messages; never null.
constexpr const char* fault_name(Fault fault) noexcept {
  switch (fault) {
    case Fault::double_free:
      return "double free";
    case Fault::foreign_pointer:
      return "freed pointer is not from this heap";
    case Fault::interior_pointer:
      return "freed pointer points into a block, not at its start";
    case Fault::misaligned_pointer:
      return "freed pointer is misaligned";
    case Fault::size_mismatch:
      return "size passed to free does not match the block";
    case Fault::overwritten_link:
      return "free block was written to";
    case Fault::bad_pages:
      return "page source returned misaligned, overlapping or unreachable pages";
    case Fault::page_size_too_small:
      return "allocator page is smaller than the system's page";
    case Fault::out_of_memory:
      return "out of memory in operator new";
    case Fault::call_inside_call:
      return "heap was called inside another call of it";
    case Fault::overflow:
      return "memory behind the block was written to";
    case Fault::underflow:
      return "memory before the block was written to";
    case Fault::mismatched_release:
      return "block was freed in another way than it was made";
    case Fault::damaged_descriptor:
      return "what the heap has noted of its memory was written to";
  }
  return "unknown fault";
}

// Never called with a lock held, so the hook may print, allocate or jump out; but for
// call_inside_call, where what was interrupted holds it.
[[noreturn, gnu::cold, gnu::noinline]] inline void raise(Fault fault, const void* address) {
  const auto kind = static_cast<rsb_fault_kind>(fault);
  if constexpr (reaches_weak_symbols) {
    // Named in code: to Windows' linker a pointer in memory is no reason to look for it in
    // archives.
    if (&rsb_fault != nullptr) rsb_fault(kind, address);
  } else {
    if (const auto hook = fault_hook) hook(kind, address);
  }
  __builtin_trap();
}

}  // namespace rsb
