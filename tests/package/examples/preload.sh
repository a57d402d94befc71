# SPDX-License-Identifier: MIT OR Apache-2.0
cmake -B build && cmake --build build
RSB_STATS=1 LD_PRELOAD=$PWD/build/librsbmalloc.so perl -e '@squares = map { $_ ** 2 } 1 .. 100000'
