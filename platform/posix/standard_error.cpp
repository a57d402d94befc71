// SPDX-License-Identifier: MIT OR Apache-2.0
#define _FILE_OFFSET_BITS 64  // or large files cannot be looked at where long has 32 bits
#include "standard_error.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rsb/platform.hpp"

namespace {

enum class First { not_yet_looked_at, none, known };
First state = First::not_yet_looked_at;
struct stat first;

void look() noexcept {
  if (state != First::not_yet_looked_at) return;
  state = fstat(STDERR_FILENO, &first) == 0 ? First::known : First::none;
}

[[gnu::constructor]] void start() {
  const rsb::platform::KeepErrno keep_errno;
  look();
}

bool is_same(const struct stat& a, const struct stat& b) noexcept {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

}  // namespace

bool rsb::platform::is_first_standard_error(int descriptor) noexcept {
  const KeepErrno keep_errno;
  look();  // a constructor of the program's may come before
  struct stat now;
  return state == First::known && fstat(descriptor, &now) == 0 && is_same(now, first);
}

bool rsb::platform::may_write_to_standard_error() noexcept {
  if (is_first_standard_error(STDERR_FILENO)) return true;
  const KeepErrno keep_errno;
  struct stat now, output;
  if (state == First::none || fstat(STDERR_FILENO, &now) != 0) return false;
  return S_ISCHR(now.st_mode) || (fcntl(STDERR_FILENO, F_GETFL) & O_APPEND) != 0 ||
         (fstat(STDOUT_FILENO, &output) == 0 && is_same(now, output));
}
