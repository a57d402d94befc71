// SPDX-License-Identifier: MIT OR Apache-2.0
// See kernel.h.
#pragma once

#ifdef __cplusplus
extern "C"
#endif
    __attribute__((format(printf, 1, 2))) void
    printk(const char* format, ...);
