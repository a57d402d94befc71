# SPDX-License-Identifier: MIT OR Apache-2.0
# Runs PROGRAM, by EMULATOR if there is one, and compares how it ends with ENDING:
#   success       status 0 and not a word
#   default_hook  aborts, after the fault's SENTENCE and the address on standard error, and what is known besides, which
#                 is indented
#   own_hook      leaves with status 100 + KIND, after the SENTENCE on standard output
#   trap          an illegal instruction, and not a word
#   access        an access to memory that cannot be touched; on Windows not a word, elsewhere the SENTENCE and what is known
#   unnamed       as it likes, without the SENTENCE
execute_process(COMMAND ${EMULATOR} ${PROGRAM}
  RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE error TIMEOUT 50)

set(aborted "^Subprocess aborted$")
set(trapped "^Illegal instruction$|^SIGTRAP$")
set(accessed "^Segmentation fault$")
if(SYSTEM STREQUAL "Windows")
  # The lowest bits of STATUS_STACK_BUFFER_OVERRUN, which is what __fastfail() ends with, and of
  # STATUS_ILLEGAL_INSTRUCTION.
  set(aborted "^9$")
  set(trapped "^29$")
  set(accessed "^5$")
  string(REPLACE "\r\n" "\n" output "${output}")
  string(REPLACE "\r\n" "\n" error "${error}")
  # Wine's own, not the program's.
  string(REGEX REPLACE "^wine: Unhandled (illegal instruction|page fault) [^\n]*\n" "" error "${error}")
endif()

# The emulator's own, not the program's.
string(REGEX REPLACE "qemu: uncaught target signal [^\n]*\n" "" error "${error}")

if(ENDING STREQUAL "success")
  set(expected_result "^0$")
elseif(ENDING STREQUAL "default_hook")
  set(expected_result ${aborted})
  set(known)
  if(SENTENCE MATCHES "points into a block")
    set(known "  in a block of [0-9]+ bytes at 0x[0-9a-f]+, [0-9]+ bytes [^\n]*\n")
  endif()
  if(SYSTEM STREQUAL "Windows")
    string(APPEND known "(  [^\n]*\n)*  #0 0x[0-9a-f]+ \\(program[+]0x[0-9a-f]+\\)\n")
  endif()
  set(expected_error "rsbmalloc: ${SENTENCE} \\(address 0x[0-9a-f]+\\)\n${known}(  [^\n]*\n)*")
elseif(ENDING STREQUAL "own_hook")
  math(EXPR status "100 + ${KIND}")
  set(expected_result "^${status}$")
  set(expected_output "${SENTENCE}\n")
elseif(ENDING STREQUAL "trap")
  set(expected_result ${trapped})
elseif(ENDING STREQUAL "access")
  set(expected_result ${accessed})
  if(NOT SYSTEM STREQUAL "Windows")
    set(expected_error "rsbmalloc: ${SENTENCE} \\(address 0x[0-9a-f]+\\)\n  in a block of [0-9]+ bytes [^\n]*\n  allocated by 0x[^\n]*\n(  [^\n]*\n)*  #0 0x[^\n]*\n(  [^\n]*\n)*")
  endif()
elseif(ENDING STREQUAL "unnamed")
  if(error MATCHES "${SENTENCE}")
    message(FATAL_ERROR "named: ${error}")
  endif()
  return()
else()
  message(FATAL_ERROR "ENDING=${ENDING}: unknown")
endif()

if(NOT result MATCHES "${expected_result}" OR NOT output MATCHES "^${expected_output}$"
    OR NOT error MATCHES "^${expected_error}$")
  message(FATAL_ERROR
    "expected ${ENDING} ${SENTENCE}\nresult: ${result}\nstdout: ${output}\nstderr: ${error}")
endif()
