// SPDX-License-Identifier: MIT OR Apache-2.0
// The platform's header brings no name of <windows.h> along, and does not mind it behind.
#include "rsb/platform.hpp"

#if defined(_WINDOWS_) || defined(min) || defined(MEM_COMMIT) || defined(DELETE)
#error "rsb/platform.hpp includes <windows.h>"
#endif

#include <windows.h>

static_assert(rsb::platform::mem_commit == MEM_COMMIT);
static_assert(rsb::platform::mem_reserve == MEM_RESERVE);
static_assert(rsb::platform::mem_release == MEM_RELEASE);
static_assert(rsb::platform::mem_reset == MEM_RESET);
static_assert(rsb::platform::page_no_access == PAGE_NOACCESS);
static_assert(rsb::platform::page_read_write == PAGE_READWRITE);

using rsb::platform::MemoryInformation;
static_assert(sizeof(MemoryInformation) == sizeof(MEMORY_BASIC_INFORMATION));
static_assert(offsetof(MemoryInformation, reservation) ==
              offsetof(MEMORY_BASIC_INFORMATION, AllocationBase));
static_assert(offsetof(MemoryInformation, bytes) == offsetof(MEMORY_BASIC_INFORMATION, RegionSize));
static_assert(offsetof(MemoryInformation, state) == offsetof(MEMORY_BASIC_INFORMATION, State));

using rsb::platform::SystemInformation;
static_assert(sizeof(SystemInformation) == sizeof(SYSTEM_INFO));
static_assert(offsetof(SystemInformation, page_bytes) == offsetof(SYSTEM_INFO, dwPageSize));
static_assert(offsetof(SystemInformation, granularity) ==
              offsetof(SYSTEM_INFO, dwAllocationGranularity));
