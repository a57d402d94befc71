# SPDX-License-Identifier: MIT OR Apache-2.0
# Compiles SOURCE as it is, which must work without a word; and with BROKEN defined, which must fail
# and say everything that the "Fails with:" lines at its top ask for.
set(command ${COMPILER} -std=c++20 -fsyntax-only -Wall -Wextra -Wconversion -Wshadow
  -Werror=unused-result -I${INCLUDE} -I${CMAKE_CURRENT_LIST_DIR})
execute_process(COMMAND ${COMPILER} --version OUTPUT_VARIABLE version)
if(version MATCHES "Free Software Foundation")
  list(APPEND command -fconcepts-diagnostics-depth=3)
endif()

execute_process(COMMAND ${command} ${SOURCE} RESULT_VARIABLE result ERROR_VARIABLE output)
if(NOT result EQUAL 0 OR NOT output STREQUAL "")
  message(FATAL_ERROR "must compile without BROKEN:\n${output}")
endif()

execute_process(COMMAND ${command} -DBROKEN ${SOURCE}
  RESULT_VARIABLE result ERROR_VARIABLE output)
if(result EQUAL 0)
  message(FATAL_ERROR "must not compile with BROKEN, but does")
endif()
file(STRINGS ${SOURCE} expectations REGEX "^// Fails with: ")
if(NOT expectations)
  message(FATAL_ERROR "${SOURCE} does not say what it fails with")
endif()
foreach(expectation ${expectations})
  string(REPLACE "// Fails with: " "" expectation ${expectation})
  string(FIND "${output}" "${expectation}" found)
  if(found EQUAL -1)
    message(FATAL_ERROR "does not say: ${expectation}\nbut:\n${output}")
  endif()
endforeach()
