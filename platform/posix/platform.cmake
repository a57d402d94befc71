target_sources(rsb_malloc_objects PRIVATE
  ${CMAKE_CURRENT_LIST_DIR}/fork.cpp ${CMAKE_CURRENT_LIST_DIR}/process.cpp)
set(RSB_SHARED_SOURCES ${CMAKE_CURRENT_LIST_DIR}/report.cpp)
