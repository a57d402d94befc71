// SPDX-License-Identifier: MIT OR Apache-2.0
// What a plugin does with memory.
#pragma once

#include <stddef.h>

struct plugin {
  void* (*allocate)(size_t size);
  void (*release)(void* block);
  void (*print_and_release)(int number);
};
