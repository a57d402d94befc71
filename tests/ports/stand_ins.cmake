# SPDX-License-Identifier: MIT OR Apache-2.0
# What tests of ports to other systems share, with stand-ins for those: on this machine, and on Cortex-M; what is
# compiled for a Cortex-M0+ runs on a Cortex-M3.
set(stand_in_emulator ${CMAKE_CROSSCOMPILING_EMULATOR})
set(at)
if(CMAKE_CROSSCOMPILING AND NOT stand_in_emulator)
  set(at @cortex-m3)
  set(stand_in_emulator ${PROJECT_SOURCE_DIR}/toolchains/qemu-semihost qemu-system-arm -M mps2-an385 --)
endif()

# add_stand_in_program(<name> <source>... INCLUDES <folder>...)
function(add_stand_in_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" INCLUDES)
  add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
  target_compile_features(${name} PRIVATE cxx_std_20)
  target_compile_options(${name} PRIVATE -O1 -Wall -Wextra -Wconversion -Wshadow)
  target_include_directories(${name} PRIVATE
    ${arg_INCLUDES} ${PROJECT_SOURCE_DIR}/tests ${PROJECT_SOURCE_DIR}/core/include)
endfunction()

# add_stand_in_test(<program>): it must end well.
function(add_stand_in_test name)
  add_test(NAME ${name}${at} COMMAND ${stand_in_emulator} $<TARGET_FILE:${name}>)
  set_tests_properties(${name}${at} PROPERTIES TIMEOUT 120)
endfunction()

# add_stand_in_board_test(<program> <how it ends> <what it says>): tasks and handlers on a board. In QEMU each instruction
# takes as long, so that they meet at the same places each time.
function(add_stand_in_board_test name ends expected)
  list(INSERT stand_in_emulator -1 -icount shift=6)
  add_test(NAME ${name}${at} COMMAND ${CMAKE_COMMAND}
    "-DCOMMAND=${stand_in_emulator};$<TARGET_FILE:${name}>" -DENDS=${ends} -DEXPECTED=${expected}
    -P ${PROJECT_SOURCE_DIR}/tests/ports/expect_output.cmake)
  set_tests_properties(${name}${at} PROPERTIES TIMEOUT 120)
endfunction()
