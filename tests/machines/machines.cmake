# SPDX-License-Identifier: MIT OR Apache-2.0
# Machines that are a kernel in an emulator: one boot runs all programs, then each test looks up what became of its own.
set(rsb_bootable linux-16k linux-686)
foreach(machine IN LISTS rsb_bootable)
  set(RSB_LOG_${machine} ${CMAKE_CURRENT_BINARY_DIR}/${machine}/log)
  set(RSB_EMULATOR_${machine} sh ${CMAKE_CURRENT_LIST_DIR}/result ${RSB_LOG_${machine}})
endforeach()

# Once all tests are known: the boots that they need.
function(rsb_boot_machines)
  set(here ${PROJECT_SOURCE_DIR}/tests/machines)
  foreach(machine IN LISTS rsb_bootable)
    get_property(programs GLOBAL PROPERTY RSB_PROGRAMS_${machine})
    if(NOT programs)
      continue()
    endif()
    list(REMOVE_DUPLICATES programs)
    set(work ${CMAKE_CURRENT_BINARY_DIR}/${machine})
    file(GENERATE OUTPUT ${work}/programs CONTENT "$<JOIN:${programs},\n>\n")

    add_executable(init_${machine} ${here}/init.c)
    target_compile_options(init_${machine} PRIVATE -Wall -Wextra -Wconversion -Wshadow)
    target_link_options(init_${machine} PRIVATE -static)

    add_test(NAME kernel@${machine} COMMAND ${PROJECT_SOURCE_DIR}/toolchains/kernel ${machine} ${work})
    set_tests_properties(kernel@${machine} PROPERTIES TIMEOUT 300 FIXTURES_SETUP kernel-${machine}
      REQUIRED_FILES ${PROJECT_SOURCE_DIR}/toolchains/kernel)
    add_test(NAME boot@${machine} COMMAND sh ${here}/boot ${machine} ${work}/vmlinuz
      $<TARGET_FILE:init_${machine}> ${work}/programs ${RSB_LOG_${machine}})
    set_tests_properties(boot@${machine} PROPERTIES
      TIMEOUT 300 PROCESSORS 2 FIXTURES_REQUIRED kernel-${machine} FIXTURES_SETUP ${machine}
      REQUIRED_FILES "$<TARGET_FILE:init_${machine}>;${programs}")
  endforeach()
endfunction()
