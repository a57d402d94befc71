# SPDX-License-Identifier: MIT OR Apache-2.0
# rsb_add_realloc_to_zero_tests(<name> <library> [<option of compiler and linker>...]): two programs that say what
# realloc(p, 0) does, one with the library and one with the C library as it is.
function(rsb_add_realloc_to_zero_tests name library)
  foreach(which ours theirs)
    set(program ${name}.realloc_to_zero.${which})
    add_executable(${program} ${PROJECT_SOURCE_DIR}/tests/libc/realloc_to_zero.c)
    target_compile_features(${program} PRIVATE c_std_11)
    target_compile_options(${program} PRIVATE -O1 -fno-builtin -Wall -Wextra -Wconversion -Wshadow ${ARGN})
    target_compile_definitions(${program} PRIVATE RSB_REALLOC_TO_ZERO=${RSB_REALLOC_TO_ZERO})
    target_link_options(${program} PRIVATE ${ARGN})
    rsb_add_test(${program} ${program} 60)
  endforeach()
  target_link_libraries(${name}.realloc_to_zero.ours PRIVATE ${library})
endfunction()
