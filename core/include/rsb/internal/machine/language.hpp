// SPDX-License-Identifier: MIT OR Apache-2.0
// Ends the compilation if the language is too old for these headers. A header that cannot be found
// does that at once; after an #error GCC and Clang go on, and say a hundred things more.
//
// Room machine: anything in this tree may include it.
#pragma once

#if !defined(__cplusplus) || __cplusplus <= 201703L
#include "C is served by rsb/rsb.h, but rsbmalloc's C++ headers need C++20: -std=c++20, or rsb::core in CMake"
#endif
