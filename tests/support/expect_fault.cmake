# SPDX-License-Identifier: MIT OR Apache-2.0
# Runs COMMAND, which must be killed by a trap or abort after saying SENTENCE.
execute_process(COMMAND ${COMMAND}
  RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE error TIMEOUT 50)
string(FIND "${output}${error}" "rsbmalloc: ${SENTENCE}" said)
if(said EQUAL -1 OR NOT result MATCHES "^(Illegal instruction|SIGTRAP|Subprocess aborted)$")
  message(FATAL_ERROR
    "expected: ${SENTENCE}\nresult: ${result}\nstdout: ${output}\nstderr: ${error}")
endif()
