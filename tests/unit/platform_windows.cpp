// SPDX-License-Identifier: MIT OR Apache-2.0
// What only platform/windows/rsb/platform.hpp promises, and that all headers go with <windows.h>:
// here with its macros (near, far, small, min, ...) before them, in platform_windows_first.cpp
// behind.
#include <windows.h>

#include "rsb/inspector.hpp"
#include "rsb/platform.hpp"
#include "support/test.hpp"
#include "support/virtual_memory.hpp"

using namespace rsb;

namespace {

MEMORY_BASIC_INFORMATION query(const void* p) {
  MEMORY_BASIC_INFORMATION memory = {};
  VirtualQuery(p, &memory, sizeof memory);
  return memory;
}

struct Default {
  using Pages = platform::Pages;
  using Lock = platform::Lock;
  static constexpr Options options = platform::options;
};

// Bytes of address space from p on that belong to no reservation.
size_t free_bytes_from(const void* p) {
  const MEMORY_BASIC_INFORMATION memory = query(p);
  return memory.State == MEM_FREE ? memory.RegionSize : 0;
}

// Bytes of address space of the process that are reserved and not committed.
size_t reserved_bytes() {
  size_t bytes = 0;
  MEMORY_BASIC_INFORMATION memory = {};
  for (const char* p = nullptr; VirtualQuery(p, &memory, sizeof memory) != 0;) {
    if (memory.State == MEM_RESERVE) bytes += memory.RegionSize;
    p = static_cast<const char*>(memory.BaseAddress) + memory.RegionSize;
  }
  return bytes;
}

}  // namespace

TEST_CASE("what is acquired is committed, readable and writable, and nothing around it is") {
  platform::Pages pages;
  for (const size_t alignment : {16 * KiB, 64 * KiB, 1 * MiB, 1 * GiB}) {
    CAPTURE(alignment);
    char* const base = static_cast<char*>(pages.acquire(48 * KiB, alignment));
    REQUIRE(base != nullptr);
    const MEMORY_BASIC_INFORMATION memory = query(base);
    CHECK(memory.BaseAddress == base);
    CHECK(memory.RegionSize == 48 * KiB);
    CHECK(memory.State == MEM_COMMIT);
    CHECK(memory.Protect == PAGE_READWRITE);
    CHECK(query(base + 48 * KiB).State != MEM_COMMIT);
    CHECK(pages.release(base, 48 * KiB));
  }
}

TEST_CASE("a release gives back the whole reservation, whatever its alignment cost") {
  platform::Pages pages;
  for (const size_t alignment : {64 * KiB, 1 * MiB, 1 * GiB}) {
    CAPTURE(alignment);
    char* const base = static_cast<char*>(pages.acquire(64 * KiB, alignment));
    REQUIRE(base != nullptr);
    const void* const reservation = query(base).AllocationBase;
    CHECK(free_bytes_from(reservation) == 0);
    CHECK(pages.release(base, 64 * KiB));
    CHECK(free_bytes_from(reservation) >= alignment);
  }
}

TEST_CASE("what cannot be committed is null, and no address space stays reserved for it") {
  platform::Pages pages;
  const size_t before = reserved_bytes();
  for (const size_t alignment : {64 * KiB, 1 * MiB, 1 * GiB}) {
    CAPTURE(alignment);
    const support::Scarcity scarcity(0);
    CHECK(pages.acquire(64 * KiB, alignment) == nullptr);
  }
  CHECK(reserved_bytes() < before + 1 * MiB);
}

TEST_CASE("discarded memory stays committed: none of it can be lost to others") {
  platform::Pages pages;
  char* const base = static_cast<char*>(pages.acquire(1 * MiB, 64 * KiB));
  REQUIRE(base != nullptr);
  CHECK(pages.discard(base + 256 * KiB, 512 * KiB));
  CHECK(query(base).State == MEM_COMMIT);
  CHECK(query(base).RegionSize == 1 * MiB);
  CHECK(pages.release(base, 1 * MiB));
}

TEST_CASE("what is reserved only, or free, is neither discarded nor released") {
  platform::Pages pages;
  void* const reservation = VirtualAlloc(nullptr, 1 * MiB, MEM_RESERVE, PAGE_NOACCESS);
  REQUIRE(reservation != nullptr);
  CHECK_FALSE(pages.discard(reservation, 64 * KiB));
  CHECK_FALSE(pages.release(reservation, 1 * MiB));
  REQUIRE(VirtualFree(reservation, 0, MEM_RELEASE) != 0);
  CHECK_FALSE(pages.discard(reservation, 64 * KiB));
  CHECK_FALSE(pages.release(reservation, 1 * MiB));
}

TEST_CASE("a small program commits little") {
  static constinit Heap<Default> heap;
  void* const block = heap.allocate(100);
  REQUIRE(block != nullptr);
  const Stats s = inspect(heap).stats();
  CHECK(s.acquired_bytes + s.metadata_bytes <= 6 * MiB);
  heap.deallocate(block);
}
