// Exhaustion, on systems where a program's address space can be limited.
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include <optional>

namespace support {

// For its scope the program has at most so many bytes of address space, those in use included.
class AddressSpaceLimit {
 public:
  explicit AddressSpaceLimit(size_t bytes) {
    getrlimit(RLIMIT_AS, &before_);
    set({bytes, before_.rlim_max});
    void* const all = mmap(nullptr, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    holds_ = all == MAP_FAILED;
    if (!holds_) munmap(all, bytes);
  }
  ~AddressSpaceLimit() { set(before_); }
  AddressSpaceLimit(const AddressSpaceLimit&) = delete;
  AddressSpaceLimit& operator=(const AddressSpaceLimit&) = delete;

  // False in user-mode emulators: they need memory of their own, and do as if they had obeyed.
  bool holds() const { return holds_; }

 private:
  static void set(const rlimit& limit) { setrlimit(RLIMIT_AS, &limit); }
  rlimit before_;
  bool holds_;
};

// A size that an object may have, yet that no request gets: more than any 64-bit machine's address
// space, or than 32-bit programs have while a NothingLarge is in scope.
inline constexpr size_t impossible = SIZE_MAX / 4;

class NothingLarge {
 public:
  NothingLarge() {
    if (sizeof(void*) == 4) limit_.emplace(impossible);
  }

 private:
  std::optional<AddressSpaceLimit> limit_;
};

}  // namespace support
