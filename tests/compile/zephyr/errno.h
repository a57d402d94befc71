// SPDX-License-Identifier: MIT OR Apache-2.0
// What ports/zephyr includes of a C library, where a compiler has none.
#pragma once

#define ENOMEM 12
#define EINVAL 22
extern "C" int* test_errno(void);
#define errno (*test_errno())
