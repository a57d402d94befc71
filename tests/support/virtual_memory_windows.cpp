// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/virtual_memory.hpp"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

namespace {

MEMORY_BASIC_INFORMATION query(const void* p) {
  MEMORY_BASIC_INFORMATION memory = {};
  VirtualQuery(p, &memory, sizeof memory);
  return memory;
}

bool is_scarce = false;
size_t left = 0;  // bytes, while memory is scarce

void* WINAPI allocate(void* base, size_t bytes, DWORD what, DWORD protection) {
  static const auto allocate = reinterpret_cast<decltype(&VirtualAlloc)>(
      reinterpret_cast<void*>(GetProcAddress(GetModuleHandleA("kernel32.dll"), "VirtualAlloc")));
  // As a system does that has memory enough: nobody may expect zeroes of it.
  if (what == MEM_RESET) return base;
  if (is_scarce && (what & MEM_COMMIT) != 0) {
    if (bytes > left) {
      SetLastError(ERROR_NOT_ENOUGH_MEMORY);
      return nullptr;
    }
    left -= bytes;
  }
  return allocate(base, bytes, what, protection);
}

}  // namespace

// By this pointer all of the program calls what it believes to import. The import library's own is
// not linked then.
extern "C" decltype(&VirtualAlloc) const support_virtual_alloc asm("__imp_VirtualAlloc");
extern "C" decltype(&VirtualAlloc) const support_virtual_alloc = &allocate;

void* support::map(size_t bytes) {
  return VirtualAlloc(nullptr, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

void support::unmap(void* base, size_t) {
  VirtualFree(base, 0, MEM_RELEASE);
}

bool support::drop_contents(void* base, size_t bytes) {
  return VirtualFree(base, bytes, MEM_DECOMMIT) != 0 &&
         VirtualAlloc(base, bytes, MEM_COMMIT, PAGE_READWRITE) != nullptr;
}

bool support::is_mapped(const void* p) {
  return query(p).State == MEM_COMMIT;
}

bool support::is_accessible(const void* p) {
  const MEMORY_BASIC_INFORMATION memory = query(p);
  return memory.State == MEM_COMMIT && (memory.Protect & PAGE_NOACCESS) == 0;
}

size_t support::page_of_system() {
  SYSTEM_INFO system;
  GetSystemInfo(&system);
  return system.dwPageSize;
}

bool support::moves_leave_memory() {
  return true;  // for none are moved
}

int support::last_error() {
  return static_cast<int>(GetLastError());
}

void support::set_last_error(int error) {
  SetLastError(static_cast<DWORD>(error));
}

// There is no limit that a process could set for itself and lift again.
support::Scarcity::Scarcity(size_t bytes) {
  left = bytes;
  is_scarce = in_force_ = true;
}

support::Scarcity::~Scarcity() {
  is_scarce = false;
}
