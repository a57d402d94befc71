# SPDX-License-Identifier: MIT OR Apache-2.0
set(RSB_POSIX_SOURCES access_report addresses check_at_end fault_report fork leaks process report report_text
  standard_error writer)
list(TRANSFORM RSB_POSIX_SOURCES PREPEND ${CMAKE_CURRENT_LIST_DIR}/)
list(TRANSFORM RSB_POSIX_SOURCES APPEND .cpp)
target_sources(rsb_malloc_objects PRIVATE ${RSB_POSIX_SOURCES})
# Operators new and delete, by the versions of GNU's C++ library.
set(operators sized_delete)
if(RSB_CHECKS STREQUAL "full")
  set(operators marked_new)
  # That of a compiler for glibc cannot be linked to musl, if it asks glibc for what it has to unwind.
  include(CheckCXXSourceCompiles)
  check_cxx_source_compiles([[
    #include <unwind.h>
    static _Unwind_Reason_Code put(_Unwind_Context*, void*) { return _URC_NO_REASON; }
    int main() { return _Unwind_Backtrace(put, nullptr); }
  ]] RSB_HAVE_UNWINDER)
  if(RSB_HAVE_UNWINDER)
    target_compile_definitions(rsb_malloc_objects PRIVATE RSB_LINKS_UNWINDER)
  endif()
endif()
set(RSB_SHARED_SOURCES ${CMAKE_CURRENT_LIST_DIR}/exit.cpp ${CMAKE_CURRENT_LIST_DIR}/loaded_objects.cpp
  ${CMAKE_CURRENT_LIST_DIR}/${operators}.cpp)
set(RSB_SHARED_VERSIONS ${CMAKE_CURRENT_LIST_DIR}/operators.map)

include(CheckCXXSymbolExists)
check_cxx_symbol_exists(__GLIBC__ features.h RSB_HAVE_GLIBC)
if(RSB_HAVE_GLIBC)
  set(RSB_REALLOC_TO_ZERO frees)
  # One object file, so that whoever needs any of its names gets all of them: glibc's archive has nothing to add.
  target_sources(rsb_libc_objects PRIVATE ${CMAKE_CURRENT_SOURCE_DIR}/platform/libc/glibc.cpp)
  set_target_properties(rsb_libc_objects PROPERTIES UNITY_BUILD ON)
endif()
