// SPDX-License-Identifier: MIT OR Apache-2.0
// What tests ask of the operating system about memory: one header, a file for each system.
#pragma once

#include <stddef.h>
#include <stdint.h>

#include <optional>

namespace support {

// Demand-zero memory; null if there is none.
void* map(size_t bytes);
// Takes back what map() returned, whole.
void unmap(void* base, size_t bytes);
// Drops the contents of pages of map(): they read as zero, and cost no memory, until written.
// False: could not.
bool drop_contents(void* base, size_t bytes);

// Whether there is a page at p; and whether it can be touched.
bool is_mapped(const void* p);
bool is_accessible(const void* p);

size_t page_of_system();

// Whether pages that are moved away (MREMAP_DONTUNMAP) leave memory behind, as in Linux they do: a
// question to the system itself. Not in QEMU's user mode (7.2), which takes that memory away, or
// for free. True where none are moved.
bool moves_leave_memory();

// The system's own report of the last failure: errno, or what GetLastError() returns.
int last_error();
void set_last_error(int error);

// As long as it lives, the process gets at most `bytes` bytes more in pieces of a MiB or more. One
// at a time.
class Scarcity {
 public:
  explicit Scarcity(size_t bytes);
  ~Scarcity();
  Scarcity(const Scarcity&) = delete;
  Scarcity& operator=(const Scarcity&) = delete;

  // False in user-mode emulators: they need memory of their own, and do as if they had obeyed.
  bool is_in_force() const { return in_force_; }

 private:
  bool in_force_ = false;
};

// A size that an object may have, yet that no request gets: more than any 64-bit machine's address
// space, or than 32-bit programs have while a NothingLarge is in scope (and in force).
inline constexpr size_t impossible = SIZE_MAX / 4;

class NothingLarge {
 public:
  NothingLarge() {
    if (sizeof(void*) == 4) scarcity_.emplace(impossible / 2);
  }

  // As of Scarcity.
  bool is_in_force() const { return !scarcity_ || scarcity_->is_in_force(); }

 private:
  std::optional<Scarcity> scarcity_;
};

}  // namespace support
