# SPDX-License-Identifier: MIT OR Apache-2.0
# The port's firmware: built as its README says, by itself, and run. It prints what it should, and finds fault with a
# heap that has no lock.
set(firmware ${CMAKE_CURRENT_BINARY_DIR}/firmware)

add_test(NAME ports.firmware.builds COMMAND sh -euc "
  cmake -S '${port_dir}/firmware' -B '${firmware}' -G '${CMAKE_GENERATOR}' \
    '-DCMAKE_TOOLCHAIN_FILE=${CMAKE_TOOLCHAIN_FILE}' -DCMAKE_COMPILE_WARNING_AS_ERROR=ON
  cmake --build '${firmware}'")
set_tests_properties(ports.firmware.builds PROPERTIES
  FIXTURES_SETUP firmware REQUIRED_FILES ${port_dir}/firmware/CMakeLists.txt)

# add_firmware_test(<name> <target> <how it ends> <what it says>...)
function(add_firmware_test name target ends)
  add_test(NAME ports.firmware.${name} COMMAND ${CMAKE_COMMAND}
    "-DCOMMAND=${CMAKE_COMMAND};--build;${firmware};--target;${target}" -DENDS=${ends} "-DEXPECTED=${ARGN}"
    -P ${CMAKE_CURRENT_SOURCE_DIR}/expect_output.cmake)
  set_tests_properties(ports.firmware.${name} PROPERTIES TIMEOUT 300 FIXTURES_REQUIRED firmware
    REQUIRED_FILES ${port_dir}/firmware/CMakeLists.txt)
endfunction()

set(bins "bin +bytes +spans +slots +live\n  [a-z] +[0-9]+ +[0-9]+ ")
set(map "map, [0-9]+ bytes a character[^\n]+\n  0x[0-9a-f]+  [0-9a-zA-Z.#=%+_]+\n")
set(empty "everything freed\nheap: 0 blocks, 0 bytes")
set(masked "interrupts masked: at most [1-9][0-9]* instructions by an allocation or a free")

if(RSB_PORT STREQUAL "aarch64-16k")
  add_firmware_test(ten_million_operations run well
    "4 cores" "core +by loop" ${bins} ${map} ${empty} "passed: 100[0-9][0-9][0-9][0-9][0-9] operations")
  set_tests_properties(ports.firmware.ten_million_operations PROPERTIES PROCESSORS 2)
  add_firmware_test(masked_time run-measured well ${masked} "passed: ")
else()
  add_firmware_test(passes run well
    "in [1-9][0-9]+ interrupts" "largest request that would be met: [1-9]" ${map} ${empty} ${masked} "passed: [2-9][0-9][0-9][0-9][0-9][0-9] operations")
endif()
add_firmware_test(fails_without_a_lock run-unlocked badly "FAILED: [a-z]|processor exception|ARM fault: hardfault|HARD FAULT")
