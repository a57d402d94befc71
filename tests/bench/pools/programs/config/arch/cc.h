// SPDX-License-Identifier: MIT OR Apache-2.0
// What lwIP asks for of a system.
#include "program.h"

#define LWIP_NOASSERT 1
#define LWIP_RAND() random_below(0xffffffffu)
