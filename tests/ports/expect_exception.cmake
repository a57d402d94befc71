# SPDX-License-Identifier: MIT OR Apache-2.0
# COMMAND must say that it begins, and then end with a failure, soon.
execute_process(COMMAND ${COMMAND} TIMEOUT 30
  RESULT_VARIABLE status OUTPUT_VARIABLE output ERROR_VARIABLE output)
message("status ${status}\n${output}")
if(NOT status MATCHES "^[0-9]+$" OR status EQUAL 0 OR status EQUAL 124 OR NOT output MATCHES "about to"
    OR output MATCHES "still here")
  message(FATAL_ERROR "expected a failure")
endif()
