# SPDX-License-Identifier: MIT OR Apache-2.0
# Runs COMMAND, which must end well, or not (ENDS: well or badly), and say something that matches each of EXPECTED.
execute_process(COMMAND ${COMMAND} RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
message("${output}")
if(ENDS STREQUAL "well" AND NOT status EQUAL 0 OR ENDS STREQUAL "badly" AND NOT status MATCHES "^[0-9]+$"
    OR ENDS STREQUAL "badly" AND status EQUAL 0)
  message(FATAL_ERROR "status ${status}, and it should have ended ${ENDS}")
endif()
foreach(expected IN LISTS EXPECTED)
  if(NOT output MATCHES "${expected}")
    message(FATAL_ERROR "nothing in the output matches: ${expected}")
  endif()
endforeach()
