# SPDX-License-Identifier: MIT OR Apache-2.0
# What is installed: the library, its headers, and how CMake and pkg-config find them. (CMakeLists.txt includes this.)
include(CMakePackageConfigHelpers)

set(cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/rsbmalloc)
set(pkgconfig_dir ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
set(doc_dir ${CMAKE_INSTALL_DATAROOTDIR}/doc/rsbmalloc)

install(TARGETS ${installed} EXPORT rsbmalloc)
install(EXPORT rsbmalloc NAMESPACE rsb:: FILE rsbmallocTargets.cmake DESTINATION ${cmake_dir})
export(EXPORT rsbmalloc NAMESPACE rsb:: FILE ${CMAKE_CURRENT_BINARY_DIR}/rsbmallocTargets.cmake)

# Until 1.0 what the minor version counts may break a program.
set(compatibility SameMinorVersion)
if(PROJECT_VERSION_MAJOR GREATER 0)
  set(compatibility SameMajorVersion)
endif()
write_basic_package_version_file(rsbmallocConfigVersion.cmake COMPATIBILITY ${compatibility})
list(TRANSFORM installed REPLACE "^rsb_" "" OUTPUT_VARIABLE components)
list(JOIN components ", " components)
configure_file(core/package/rsbmallocConfig.cmake.in rsbmallocConfig.cmake @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/rsbmallocConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/rsbmallocConfigVersion.cmake
  DESTINATION ${cmake_dir})

# rsb_package_file(<name> <sentence> <requires> <flags for the linker>): <name>.pc. Its prefix is relative, since
# `cmake --install --prefix` may choose another one than is known here.
file(RELATIVE_PATH pc_to_prefix ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
function(rsb_package_file name description requires libs)
  configure_file(core/package/rsbmalloc.pc.in ${name}.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/${name}.pc DESTINATION ${pkgconfig_dir})
endfunction()
list(TRANSFORM RSB_LIBC_SYMBOLS PREPEND "-Wl,-u," OUTPUT_VARIABLE libc_symbols)
list(JOIN libc_symbols " " libc_symbols)
# By their names: of an archive and a shared library -lrsbmalloc would find the latter.
rsb_package_file(rsbmalloc "${PROJECT_DESCRIPTION}" "" "-l:librsbmalloc.a")
rsb_package_file(rsbmalloc-libc "rsbmalloc in the place of the C library's malloc" rsbmalloc
  "${libc_symbols} -l:librsbmalloc-libc.a")
rsb_package_file(rsbmalloc-new "rsbmalloc behind C++'s new and delete" rsbmalloc
  "-Wl,-u,rsb_replaces_new -l:librsbmalloc-new.a")
if(TARGET rsb_shared)
  # Needed also where the program calls malloc through other libraries only.
  rsb_package_file(rsbmalloc-shared "rsbmalloc in the place of the C library's malloc, shared" ""
    "-Wl,--push-state,--no-as-needed -l:librsbmalloc.so -Wl,--pop-state")
endif()

install(DIRECTORY core/include/rsb ${platform_dir}/rsb
  DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h" PATTERN "*.hpp")
install(DIRECTORY core/licenses DESTINATION ${doc_dir})
install(FILES core/CHANGELOG.md DESTINATION ${doc_dir})
