// SPDX-License-Identifier: MIT OR Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "rsb/internal/machine/bits.hpp"
#include "support/virtual_memory.hpp"

namespace {

rlimit unlimited;

// Address space that the process has, in bytes.
size_t mapped_bytes() {
  size_t pages = 0;
  FILE* const file = fopen("/proc/self/statm", "r");
  if (file == nullptr) return 0;
  if (fscanf(file, "%zu", &pages) != 1) pages = 0;
  fclose(file);
  return pages * support::page_of_system();
}

}  // namespace

void* support::map(size_t bytes) {
  void* const base = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                          MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return base == MAP_FAILED ? nullptr : base;
}

void support::unmap(void* base, size_t bytes) {
  munmap(base, bytes);
}

bool support::drop_contents(void* base, size_t bytes) {
  return madvise(base, bytes, MADV_DONTNEED) == 0;
}

bool support::is_mapped(const void* p) {
  // mincore fails with ENOMEM where nothing is mapped, and with EINVAL inside a page.
  unsigned char resident;
  const size_t page = page_of_system();
  char* const address = static_cast<char*>(const_cast<void*>(p));
  return mincore(address - rsb::bytes_into(p, page), page, &resident) == 0;
}

bool support::is_accessible(const void* p) {
  // The system reads it for us, and says EFAULT where that would have been a signal.
  int ends[2];
  if (pipe(ends) != 0) return false;
  const bool is_read = write(ends[1], p, 1) == 1;
  close(ends[0]);
  close(ends[1]);
  return is_read;
}

size_t support::page_of_system() {
  return static_cast<size_t>(sysconf(_SC_PAGESIZE));
}

bool support::moves_leave_memory() {
#if defined(MREMAP_DONTUNMAP)
  const size_t bytes = 4 * page_of_system();
  char* const from = static_cast<char*>(map(bytes));
  if (from == nullptr) return true;
  *from = 1;
  void* const to = mremap(from, bytes, bytes, MREMAP_MAYMOVE | MREMAP_DONTUNMAP, nullptr);
  const bool leave = to == MAP_FAILED || is_mapped(from);
  if (to != MAP_FAILED) unmap(to, bytes);
  unmap(from, bytes);
  return leave;
#else
  return true;
#endif
}

int support::last_error() {
  return errno;
}

void support::set_last_error(int error) {
  errno = error;
}

support::Scarcity::Scarcity(size_t bytes) {
  const size_t mapped = mapped_bytes();
  if (mapped == 0 || getrlimit(RLIMIT_AS, &unlimited) != 0) return;
  const rlimit tight{mapped + bytes, unlimited.rlim_max};
  if (setrlimit(RLIMIT_AS, &tight) != 0) return;
  // Both: what is not there for lack of a limit, but because all is used, would tell nothing.
  rlimit obeyed{};
  void* const more = map(bytes + bytes / 8);
  in_force_ =
      more == nullptr && getrlimit(RLIMIT_AS, &obeyed) == 0 && obeyed.rlim_cur == tight.rlim_cur;
  if (in_force_) return;
  if (more != nullptr) unmap(more, bytes + bytes / 8);
  setrlimit(RLIMIT_AS, &unlimited);
}

support::Scarcity::~Scarcity() {
  if (in_force_) setrlimit(RLIMIT_AS, &unlimited);
}
