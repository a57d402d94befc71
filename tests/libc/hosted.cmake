# SPDX-License-Identifier: MIT OR Apache-2.0
# Programs with glibc to which the library is preloaded, or that are linked with it, and tools that look on.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

# add_hosted_program(<name> <file> [<library>...])
function(add_hosted_program name file)
  add_executable(libc.${name} ${file})
  target_compile_features(libc.${name} PRIVATE c_std_11)
  target_compile_options(libc.${name} PRIVATE
    -O1 -g -fno-builtin -Wall -Wextra -Wconversion -Wshadow -Wno-deprecated-declarations)
  target_compile_definitions(libc.${name} PRIVATE RSB_REALLOC_TO_ZERO=${RSB_REALLOC_TO_ZERO})
  target_include_directories(libc.${name} PRIVATE ${PROJECT_SOURCE_DIR}/tests)
  target_link_libraries(libc.${name} PRIVATE ${ARGN})
endfunction()

foreach(name realloc_to_zero glibc)
  add_hosted_program(${name} ${name}.c)
  add_test(NAME libc.${name} COMMAND libc.${name})
  add_test(NAME libc.${name}.preloaded COMMAND libc.${name} ours)
  set_tests_properties(libc.${name}.preloaded PROPERTIES ENVIRONMENT LD_PRELOAD=$<TARGET_FILE:rsb_shared>)
endforeach()

add_hosted_program(watched watched.c)
add_hosted_program(watched.linked watched.c rsb::libc)
add_test(NAME libc.valgrind COMMAND Python3::Interpreter ${CMAKE_CURRENT_SOURCE_DIR}/valgrind.py
  $<TARGET_FILE:libc.watched> $<TARGET_FILE:libc.watched.linked> $<TARGET_FILE:rsb_shared>)
set_tests_properties(libc.valgrind PROPERTIES TIMEOUT 600)
