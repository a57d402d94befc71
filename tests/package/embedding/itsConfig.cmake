# SPDX-License-Identifier: MIT OR Apache-2.0
# Of an archive the user's program links rsbmalloc, too.
include(CMakeFindDependencyMacro)
if(ITS_NEEDS_RSBMALLOC)
  find_dependency(rsbmalloc 0.1 COMPONENTS malloc)
endif()
include(${CMAKE_CURRENT_LIST_DIR}/itsTargets.cmake)
