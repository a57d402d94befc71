// SPDX-License-Identifier: MIT OR Apache-2.0
#include "support/process.hpp"

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/single_threaded.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>

namespace bench {
namespace {

// Reads "key:   1234 kB" from a file of /proc, without stdio: it would allocate.
std::size_t kilobytes(const char* path, const char* key) noexcept {
  std::array<char, 8192> text{};
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) std::abort();
  std::size_t length = 0;
  while (length + 1 < text.size()) {
    const ssize_t got = read(file, text.data() + length, text.size() - 1 - length);
    if (got <= 0) break;
    length += static_cast<std::size_t>(got);
  }
  close(file);
  const char* line = std::strstr(text.data(), key);
  if (line == nullptr) std::abort();
  return std::strtoul(line + std::strlen(key), nullptr, 10);
}

}  // namespace

std::size_t peak_resident_bytes() noexcept {
  return kilobytes("/proc/self/status", "VmHWM:") * 1024;
}

std::size_t resident_bytes() noexcept {
  return kilobytes("/proc/self/smaps_rollup", "\nRss:") * 1024;
}

bool never_had_a_second_thread() noexcept {
  return __libc_single_threaded != 0;
}

const char* file_that_provides_malloc() noexcept {
  Dl_info info{};
  void* symbol = dlsym(RTLD_DEFAULT, "malloc");
  if (symbol == nullptr || dladdr(symbol, &info) == 0) return "unknown";
  return info.dli_fname;
}

}  // namespace bench
