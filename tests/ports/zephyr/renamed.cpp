// SPDX-License-Identifier: MIT OR Apache-2.0
// ports/zephyr/malloc.cpp with other names for its functions: the C library of the tests keeps its
// own. What it includes is included before, where the names mean what they did.
#include <errno.h>
#include <stddef.h>
#include <zephyr/init.h>
#include <zephyr/kernel.h>
#include <zephyr/sys/mem_stats.h>

#include "rsb/small_heap.hpp"

#define malloc zephyr_malloc
#define free zephyr_free
#define calloc zephyr_calloc
#define realloc zephyr_realloc
#define reallocarray zephyr_reallocarray
#define aligned_alloc zephyr_aligned_alloc
#define memalign zephyr_memalign
#define posix_memalign zephyr_posix_memalign
#define malloc_usable_size zephyr_malloc_usable_size

#include "../../../ports/zephyr/malloc.cpp"
