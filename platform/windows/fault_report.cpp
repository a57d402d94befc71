// SPDX-License-Identifier: MIT OR Apache-2.0
// What the default fault hook says. It allocates nothing, and asks nobody whom another thread may
// keep waiting: which module an address is in, pages and their headers tell.
#include "fault_report.hpp"

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

#include "description_text.hpp"

namespace {

// A line at a time.
class Line {
 public:
  Line() noexcept = default;
  ~Line() {
    *this << "\r\n";
    DWORD written;
    WriteFile(GetStdHandle(STD_ERROR_HANDLE), text_, static_cast<DWORD>(used_), &written, nullptr);
  }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  Line& operator<<(const char* text) noexcept {
    while (*text != '\0') put(*text++);
    return *this;
  }
  Line& operator<<(size_t number) noexcept {
    if (number >= 10) *this << number / 10;
    return put(static_cast<char>('0' + number % 10));
  }
  Line& operator<<(const void* address) noexcept {
    return put_address(reinterpret_cast<uintptr_t>(address), 1);
  }
  Line& put_address(uintptr_t number, unsigned least_digits) noexcept {
    *this << "0x";
    for (unsigned i = 2 * sizeof number; i-- != 0;) {
      if (number >> i * 4 != 0 || i < least_digits) put("0123456789abcdef"[number >> i * 4 & 15]);
    }
    return *this;
  }

 private:
  Line& put(char c) noexcept {
    if (used_ != sizeof text_) text_[used_++] = c;
    return *this;
  }

  char text_[300];
  size_t used_ = 0;
};

// The name that a library has for itself; null: it has none, as programs.
const char* name_of_module(const char* base) noexcept {
  const auto& dos = *reinterpret_cast<const IMAGE_DOS_HEADER*>(base);
  if (dos.e_magic != IMAGE_DOS_SIGNATURE) return nullptr;
  const auto& headers = *reinterpret_cast<const IMAGE_NT_HEADERS*>(base + dos.e_lfanew);
  const auto& entry = headers.OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_EXPORT];
  if (headers.Signature != IMAGE_NT_SIGNATURE || entry.Size == 0) return nullptr;
  return base + reinterpret_cast<const IMAGE_EXPORT_DIRECTORY*>(base + entry.VirtualAddress)->Name;
}

// The call that returns there.
void put_call(Line& line, const void* return_address) noexcept {
  const char* const call = static_cast<const char*>(return_address) - 1;
  line << static_cast<const void*>(call);
  MEMORY_BASIC_INFORMATION pages;
  if (VirtualQuery(call, &pages, sizeof pages) == 0 || pages.Type != MEM_IMAGE) return;
  const char* const base = static_cast<const char*>(pages.AllocationBase);
  line << " (";
  if (base == reinterpret_cast<const char*>(GetModuleHandleW(nullptr))) {
    line << "program";
  } else {
    const char* const name = name_of_module(base);
    line << (name != nullptr ? name : "library");
  }
  line << "+";
  line.put_address(rsb::bytes_from(base, call), 1) << ")";
}

void put_maker(const char* what, const void* return_address) noexcept {
  if (return_address == nullptr) return;
  Line line;
  put_call(line << "  " << what << " by ", return_address);
}

void put_backtrace(const void* behind) noexcept {
  constexpr unsigned most = 20;
  constexpr unsigned most_of_ours = 10;
  void* frames[most_of_ours + most];
  const unsigned count = CaptureStackBackTrace(0, most_of_ours + most, frames, nullptr);
  unsigned first = 0;
  while (first < count && frames[first] != behind) first++;
  first = first < count ? first + 1 : 0;
  for (unsigned i = first; i < count && i - first < most && frames[i] != nullptr; i++) {
    Line line;
    put_call(line << "  #" << size_t{i - first} << " ", frames[i]);
  }
}

}  // namespace

void rsb::platform::report_fault(rsb_fault_kind kind, const void* address,
                                 const void* behind) noexcept {
  {
    Line line;
    line << "rsbmalloc: " << rsb_fault_name(kind) << " (address ";
    line.put_address(address_of(address), 2 * sizeof address) << ")";
  }
  rsb_description d;
  if (describe_fault(address, d)) {
    {
      Line line;
      put_place(line, kind, d);
    }
    if (d.written_to != nullptr) {
      Line line;
      put_written(line, d);
    }
    put_maker("allocated", d.allocated_by);
    put_maker("released", d.freed_by);
  }
  put_backtrace(behind);
}
