// SPDX-License-Identifier: MIT OR Apache-2.0
// Addresses of code, as text that leads to the source: addr2line -e MODULE 0xOFFSET.
#pragma once

#include "writer.hpp"

namespace rsb::platform {

// An instruction: its address, and as far as they are known the program or library that it is in,
// the offset there that tools expect, and the function. Does not wait for a thread that is inside
// a library's constructor; allocates nothing. Linear in what the program or library exports.
void put_instruction(Writer& out, const void* instruction) noexcept;

// The same of the call that returns there.
void put_call(Writer& out, const void* return_address) noexcept;

// Whether the instruction is in this library: never, if that is part of a program.
bool is_in_library(const void* instruction) noexcept;

}  // namespace rsb::platform
