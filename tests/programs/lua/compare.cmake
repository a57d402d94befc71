# SPDX-License-Identifier: MIT OR Apache-2.0
# Runs SCRIPT by EMULATOR PROGRAM and by the REFERENCE: both must print the same, to the byte but for
# how Windows ends a line; and PROGRAM must have used its own heap for it.
execute_process(COMMAND ${REFERENCE} ${SCRIPT} OUTPUT_VARIABLE expected COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${EMULATOR} ${PROGRAM} ${SCRIPT}
  RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE error)
string(REPLACE "\r\n" "\n" output "${output}")

if(NOT result EQUAL 0 OR expected STREQUAL "" OR NOT output STREQUAL expected)
  message(FATAL_ERROR "result: ${result}\nexpected:\n${expected}\nprinted:\n${output}\nstderr: ${error}")
endif()
if(NOT error MATCHES "rsbmalloc: at most ([0-9]+) KiB, sound" OR CMAKE_MATCH_1 LESS 20000)
  message(FATAL_ERROR "a script that needs 20 MB and more has not had them of this heap: ${error}")
endif()
message("${error}")
