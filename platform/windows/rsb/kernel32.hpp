// SPDX-License-Identifier: MIT OR Apache-2.0
// The functions of KERNEL32.dll that pages, locks and seats need. Declared here, as <windows.h>
// does, and compatible with it before or after: a header of this library must not bring its macros
// along.
#pragma once

#include <stddef.h>

struct _MEMORY_BASIC_INFORMATION;  // NOLINT: their names, not ours
struct _SYSTEM_INFO;               // NOLINT
struct HINSTANCE__;                // NOLINT
union _LARGE_INTEGER;              // NOLINT

extern "C" {
__declspec(dllimport) void* __stdcall VirtualAlloc(void*, size_t, unsigned long, unsigned long);
__declspec(dllimport) int __stdcall VirtualFree(void*, size_t, unsigned long);
__declspec(dllimport) size_t
    __stdcall VirtualQuery(const void*, _MEMORY_BASIC_INFORMATION*, size_t);
__declspec(dllimport) void __stdcall GetSystemInfo(_SYSTEM_INFO*);
__declspec(dllimport) unsigned long __stdcall GetLastError();
__declspec(dllimport) void __stdcall SetLastError(unsigned long);
__declspec(dllimport) unsigned long __stdcall GetCurrentThreadId();
__declspec(dllimport) int __stdcall SwitchToThread();
__declspec(dllimport) void __stdcall Sleep(unsigned long);

__declspec(dllimport) void* __stdcall EncodePointer(void*);
__declspec(dllimport) int __stdcall QueryPerformanceCounter(_LARGE_INTEGER*);
__declspec(dllimport) int __stdcall VirtualProtect(void*, size_t, unsigned long, unsigned long*);
__declspec(dllimport) void __stdcall FlushProcessWriteBuffers();
__declspec(dllimport) unsigned long __stdcall TlsAlloc();
__declspec(dllimport) void* __stdcall TlsGetValue(unsigned long);
__declspec(dllimport) int __stdcall TlsSetValue(unsigned long, void*);
__declspec(dllimport) int __stdcall TlsFree(unsigned long);
__declspec(dllimport) unsigned long __stdcall FlsAlloc(void(__stdcall*)(void*));
__declspec(dllimport) int __stdcall FlsSetValue(unsigned long, void*);
__declspec(dllimport) int __stdcall FlsFree(unsigned long);
__declspec(dllimport) void* __stdcall GetProcessHeap();
__declspec(dllimport) void* __stdcall HeapAlloc(void*, unsigned long, size_t);
__declspec(dllimport) int __stdcall HeapFree(void*, unsigned long, void*);
__declspec(dllimport) HINSTANCE__* __stdcall GetModuleHandleW(const wchar_t*);
__declspec(dllimport) int __stdcall GetModuleHandleExW(unsigned long, const wchar_t*,
                                                       HINSTANCE__**);
__declspec(dllimport) long long(__stdcall* __stdcall GetProcAddress(HINSTANCE__*, const char*))();
}

namespace rsb::platform {

inline constexpr unsigned long mem_commit = 0x1000, mem_reserve = 0x2000, mem_release = 0x8000,
                               mem_reset = 0x80000;
inline constexpr unsigned long page_no_access = 0x01, page_read_only = 0x02, page_read_write = 0x04;

// MEMORY_BASIC_INFORMATION on 64-bit systems.
struct MemoryInformation {
  void* base;
  void* reservation;  // what VirtualAlloc returned when it was reserved
  unsigned long initial_protection;
  unsigned short partition;
  size_t bytes;
  unsigned long state, protection, type;
};
static_assert(sizeof(MemoryInformation) == 48);

// SYSTEM_INFO on 64-bit systems.
struct SystemInformation {
  unsigned long processor_architecture;
  unsigned long page_bytes;
  void* lowest_address;
  void* highest_address;
  size_t active_processors;
  unsigned long processors, processor_type, granularity;
  unsigned short processor_level, processor_revision;
};
static_assert(sizeof(SystemInformation) == 48);

}  // namespace rsb::platform
