// SPDX-License-Identifier: MIT OR Apache-2.0
/* Here and beside this file: what a heap needs of NuttX's headers of these names, for tests without
 * NuttX. The names are those of its public interface. */
#ifndef NUTTX_CONFIG_H
#define NUTTX_CONFIG_H

#include "settings.h"

#ifndef TEST_BUILD_PROTECTED
#define CONFIG_BUILD_FLAT 1
#endif
#define CONFIG_MM_BACKTRACE -1
#ifndef CONFIG_MM_DEFAULT_ALIGNMENT
#define CONFIG_MM_DEFAULT_ALIGNMENT 8
#endif
#ifndef CONFIG_MM_HEAP_MEMPOOL_THRESHOLD
#define CONFIG_MM_HEAP_MEMPOOL_THRESHOLD -1
#endif

#ifdef __cplusplus
extern "C" {
#endif
/* In NuttX they are assert.h's, which here is the C library's. */
void test_panic(void) __attribute__((noreturn));
#ifdef __cplusplus
}
#endif
#define PANIC() test_panic()
#define DEBUGASSERT(f) ((f) ? (void)0 : test_panic())

#endif
