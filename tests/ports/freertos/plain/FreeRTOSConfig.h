// SPDX-License-Identifier: MIT OR Apache-2.0
/* Little more than the defaults. */
#define configTOTAL_HEAP_SIZE ((size_t)(32 * 1024))
#define portBYTE_ALIGNMENT 8
#define TEST_MASKS_AS_HANDLERS 1
