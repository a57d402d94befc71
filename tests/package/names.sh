#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# names.sh archive FILE: defines nothing but names that start with rsb, and those by which fork handlers are registered.
# names.sh shared FILE: exports the standard C names, glibc's and the same, those by which a process ends past all
# destructors, GNU's C++ library's sized and aligned operators delete, and else only names that start with rsb_.
set -eu
LC_ALL=C
export LC_ALL

at_fork=__register_atfork  # platform/posix/fork.cpp
ends='_Exit _exit'  # platform/posix/exit.cpp
# platform/posix/operators.map, sized_delete.cpp
versions='CXXABI_1.3.11 CXXABI_1.3.9 GLIBCXX_3.4'
deletes='_ZdaPvm@CXXABI_1.3.9 _ZdlPvm@CXXABI_1.3.9
_ZdaPvmSt11align_val_t@CXXABI_1.3.11 _ZdlPvmSt11align_val_t@CXXABI_1.3.11'
standard='aligned_alloc calloc free free_aligned_sized free_sized mallinfo mallinfo2 malloc malloc_info
malloc_stats malloc_trim malloc_usable_size mallopt memalign posix_memalign pvalloc realloc
reallocarray valloc'

case $1 in
  archive)
    names=$(nm --extern-only --defined-only "$2" | awk 'NF == 3 { print $3 }')
    foreign=$(echo "$names" | grep -Ev '^(rsb_|_ZNK?3rsb)' | sort)
    expected="$at_fork
pthread_atfork"
    ;;
  shared)
    names=$(nm --dynamic --extern-only --defined-only "$2" | awk '{ print $3 }')
    foreign=$(echo "$names" | grep -v '^rsb_' | sort)
    expected=$(echo $ends $at_fork $standard $versions $deletes | tr ' ' '\n' | sort)
    ;;
esac

echo "$names" | grep -qx rsb_malloc || { echo "$2 has no rsb_malloc" && exit 1; }
[ "$foreign" = "$expected" ] || { echo "$2 defines:" $foreign && exit 1; }
