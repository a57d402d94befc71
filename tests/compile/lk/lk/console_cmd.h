// SPDX-License-Identifier: MIT OR Apache-2.0
// See arch/interrupts.h.
#pragma once

struct console_cmd_args {
  const char* str;
};

#define STATIC_COMMAND_START
#define STATIC_COMMAND(name, help, function) \
  [[maybe_unused]] int (*const command)(int, const console_cmd_args*) = function;
#define STATIC_COMMAND_END(name)
