// SPDX-License-Identifier: MIT OR Apache-2.0
// What the default fault hooks say of the block that an address lies in.
#pragma once

#include "inside_call.hpp"
#include "instance.hpp"
#include "rsb/annotations.hpp"

namespace rsb {

// False: nothing is known; or nobody may be asked, since this thread is inside a call already, or
// may be for all that its lock knows.
inline bool describe_fault(const void* address, rsb_description& description) noexcept {
  if constexpr (knows_who_is_inside<BuiltHeap>) {
    return address != nullptr && !is_inside_call(instance) &&
           rsb_describe(address, &description) != 0;
  } else {
    return false;
  }
}

inline const char* text_of(rsb_block_state state) noexcept {
  switch (state) {
    case RSB_BLOCK_LIVE:
      return "live";
    case RSB_BLOCK_WAITING:
      return "freed, its memory not used again";
    case RSB_BLOCK_FREE:
      return "free";
    case RSB_NO_BLOCK:
      break;
  }
  return "never handed out";
}

// One line, without its end. Out takes texts, numbers and addresses by <<.
template <class Out>
[[gnu::cold]] void put_place(Out& out, rsb_fault_kind kind, const rsb_description& d) noexcept {
  if (d.block != nullptr) {
    out << "  in a block of " << d.size << " bytes at " << d.block;
    const auto offset = static_cast<size_t>(d.offset);
    if (d.offset < 0) {
      out << ", " << 0 - offset << " bytes before its start";
    } else if (d.offset != 0 && offset >= d.size) {
      out << ", " << offset - d.size << " bytes behind its end";
    } else if (d.offset != 0) {
      out << ", " << offset << " bytes after its start";
    }
    // A free block that was written to may look live, but to whoever keeps records.
    if (kind != RSB_OVERWRITTEN_LINK || Instance::options.checks == Checks::full)
      out << ", " << text_of(d.state);
    if (d.slot_bytes != 0) out << "; slot of " << d.slot_bytes << " bytes";
    return;
  }
  if (d.slot_bytes != 0) {
    out << "  in a slot of " << d.slot_bytes << " bytes, " << text_of(d.state);
    return;
  }
  out << (d.state == RSB_BLOCK_FREE ? "  in free memory" : "  in a run of pages");
  if (d.run != nullptr) out << " of " << d.run_bytes << " bytes at " << d.run;
}

// Of the heap's memory, perhaps.
[[gnu::no_sanitize_address]] inline unsigned char byte_at(const unsigned char* p) noexcept {
  const InsideHeap<Instance> inside;
  return *p;
}

// The same of d.written_to, which must not be null.
template <class Out>
[[gnu::cold]] void put_written(Out& out, const rsb_description& d) noexcept {
  const auto* const byte = static_cast<const unsigned char*>(d.written_to);
  out << "  first byte that was written to: at " << d.written_to << ", "
      << bytes_from(d.block, d.written_to) << " after the block's start; it is "
      << reinterpret_cast<const void*>(uintptr_t{byte_at(byte)});
}

}  // namespace rsb
