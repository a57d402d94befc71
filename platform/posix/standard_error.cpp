// SPDX-License-Identifier: MIT OR Apache-2.0
#define _FILE_OFFSET_BITS 64  // or large files cannot be looked at where long has 32 bits
#include "standard_error.hpp"

#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "rsb/platform.hpp"

namespace {

struct File {
  dev_t device;
  ino_t inode;
  // A number that a file system gives anew to another file. All zero where it cannot tell.
  int64_t birth_seconds;
  uint32_t birth_nanoseconds;

  friend bool operator==(const File&, const File&) = default;
};

// What statx(2) writes, whose names not every C library has (linux/stat.h).
struct KernelStat {
  uint32_t mask;
  uint32_t before[19];
  int64_t birth_seconds;
  uint32_t birth_nanoseconds;
  uint32_t behind[41];
};
static_assert(sizeof(KernelStat) == 256);
constexpr unsigned knows_birth = 0x800;

bool get_file(int descriptor, File& file) noexcept {
  struct stat known;
  if (fstat(descriptor, &known) != 0) return false;
  file = {known.st_dev, known.st_ino, 0, 0};
#ifdef SYS_statx
  KernelStat more;
  if (syscall(SYS_statx, descriptor, "", AT_EMPTY_PATH, knows_birth, &more) == 0 &&
      (more.mask & knows_birth) != 0) {
    file.birth_seconds = more.birth_seconds;
    file.birth_nanoseconds = more.birth_nanoseconds;
  }
#endif
  return true;
}

enum class First { not_yet_looked_at, none, known };
First state = First::not_yet_looked_at;
File first;

void look() noexcept {
  if (state != First::not_yet_looked_at) return;
  state = get_file(STDERR_FILENO, first) ? First::known : First::none;
}

[[gnu::constructor]] void start() {
  const rsb::platform::KeepErrno keep_errno;
  look();
}

}  // namespace

bool rsb::platform::is_first_standard_error(int descriptor) noexcept {
  const KeepErrno keep_errno;
  look();  // a constructor of the program's may come before
  File now;
  return state == First::known && get_file(descriptor, now) && now == first;
}

bool rsb::platform::may_write_to_standard_error() noexcept {
  if (is_first_standard_error(STDERR_FILENO)) return true;
  const KeepErrno keep_errno;
  struct stat any;
  if (state == First::none || fstat(STDERR_FILENO, &any) != 0) return false;
  File now, output;
  return S_ISCHR(any.st_mode) || (fcntl(STDERR_FILENO, F_GETFL) & O_APPEND) != 0 ||
         (get_file(STDERR_FILENO, now) && get_file(STDOUT_FILENO, output) && now == output);
}
