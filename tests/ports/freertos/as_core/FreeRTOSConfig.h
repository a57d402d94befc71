// SPDX-License-Identifier: MIT OR Apache-2.0
/* A port of the kernel whose handlers do not interrupt each other. */
#define configTOTAL_HEAP_SIZE ((size_t)(32 * 1024))
#define portBYTE_ALIGNMENT 8
#define TEST_MASKS_AS_HANDLERS 0
