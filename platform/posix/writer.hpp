// SPDX-License-Identifier: MIT OR Apache-2.0
// Writes text to a descriptor, by way of a buffer. Without stdio: a FILE of the program's may be
// closed, a new one would be allocated, and static programs need not have printf.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace rsb::platform {

// Small, not fast: it is in each program.
class Writer {
 public:
  // The buffer is the writer's alone, for as long as that is there.
  template <size_t bytes>
  Writer(int descriptor, char (&buffer)[bytes]) noexcept
      : descriptor_(descriptor), buffer_(buffer), size_(bytes) {}
  ~Writer() { flush(); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  Writer& operator<<(const char* text) noexcept { return put_column(text, 0); }
  Writer& operator<<(size_t number) noexcept { return put_column(number, 0); }

  // As 0x1234.
  Writer& operator<<(const void* address) noexcept;

  // With blanks before it up to a width.
  Writer& put_column(size_t number, size_t width) noexcept;
  Writer& put_column(const char* text, size_t width) noexcept;

  // At most so many characters of it, and none that does more than show.
  Writer& put_plain(const char* text, size_t most) noexcept;

  // As between the quotes of a JSON string. A byte that is no part of UTF-8 is replaced.
  Writer& put_escaped(const char* text) noexcept;

  void flush() noexcept;

 private:
  Writer& put(const char* text, size_t bytes) noexcept;
  Writer& put_column(const char* text, size_t bytes, size_t width) noexcept;

  const int descriptor_;
  char* const buffer_;
  const size_t size_;
  size_t used_ = 0;
};

}  // namespace rsb::platform
