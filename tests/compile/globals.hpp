// SPDX-License-Identifier: MIT OR Apache-2.0
// A program's own globals, by names that come to mind: of what a heap's code calls its parameters,
// none may warn that it shadows one of them when it is instantiated.
#pragma once

inline int heap, the_program_s_heap, pages, page, pool, memory, sram, arena, buffer;
inline int lock, guard, mutex, cache, caches, seats, seat, set, region, regions, block, blocks;
inline int run, span, first, last, bytes, size, live, stats, options, source, kernel, buddy;
