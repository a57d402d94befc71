// SPDX-License-Identifier: MIT OR Apache-2.0
#include "writer.hpp"

#include <errno.h>
#include <string.h>
#include <unistd.h>

using rsb::platform::Writer;

namespace {

constexpr const char* digits = "0123456789abcdef";

// The length of the character of well-formed UTF-8 (RFC 3629) that the text begins with; 0: none.
size_t utf8_length(const char* text) noexcept {
  const auto byte = [text](size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  const size_t length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
  // Neither longer than it need be, nor half of a surrogate pair, nor above U+10FFFF.
  const unsigned char least = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80;
  const unsigned char most = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf;
  if (byte(1) < least || byte(1) > most) return 0;
  for (size_t i = 2; i < length; i++) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

[[gnu::cold, gnu::noinline]] Writer& Writer::operator<<(const void* address) noexcept {
  char text[2 * sizeof(void*)];
  char* digit = text + sizeof text;
  uintptr_t number = reinterpret_cast<uintptr_t>(address);
  do {
    *--digit = digits[number & 15];
    number >>= 4;
  } while (number != 0);
  return put("0x", 2).put(digit, static_cast<size_t>(text + sizeof text - digit));
}

[[gnu::cold, gnu::noinline]] Writer& Writer::put_column(size_t number, size_t width) noexcept {
  char text[20];
  char* digit = text + sizeof text;
  do {
    *--digit = static_cast<char>('0' + number % 10);
    number /= 10;
  } while (number != 0);
  return put_column(digit, static_cast<size_t>(text + sizeof text - digit), width);
}

[[gnu::cold, gnu::noinline]] Writer& Writer::put_column(const char* text, size_t width) noexcept {
  return put_column(text, strlen(text), width);
}

[[gnu::cold, gnu::noinline]] Writer& Writer::put_plain(const char* text, size_t most) noexcept {
  for (; *text != '\0' && most != 0; text++, most--) {
    put(*text > ' ' && *text < 0x7f ? text : "?", 1);
  }
  return *this;
}

[[gnu::cold, gnu::noinline]] Writer& Writer::put_escaped(const char* text) noexcept {
  while (*text != '\0') {
    const size_t length = utf8_length(text);
    if (length == 0) {
      *this << "\\ufffd";
    } else if (*text == '"' || *text == '\\') {
      put("\\", 1).put(text, 1);
    } else if (static_cast<unsigned char>(*text) < ' ' || *text == 0x7f) {
      *this << "\\u00";
      put(&digits[*text >> 4], 1).put(&digits[*text & 15], 1);
    } else {
      put(text, length);
    }
    text += length == 0 ? 1 : length;
  }
  return *this;
}

[[gnu::cold, gnu::noinline]] void Writer::flush() noexcept {
  for (size_t done = 0; done < used_;) {
    const ssize_t written = write(descriptor_, buffer_ + done, used_ - done);
    if (written > 0) {
      done += static_cast<size_t>(written);
    } else if (written == 0 || errno != EINTR) {
      break;  // there is nobody to be told
    }
  }
  used_ = 0;
}

[[gnu::cold, gnu::noinline]] Writer& Writer::put(const char* text, size_t bytes) noexcept {
  if (bytes > size_ - used_) flush();
  memcpy(buffer_ + used_, text, bytes);
  used_ += bytes;
  return *this;
}

[[gnu::cold, gnu::noinline]] Writer& Writer::put_column(const char* text, size_t bytes,
                                                        size_t width) noexcept {
  for (size_t i = bytes; i < width; i++) put(" ", 1);
  return put(text, bytes);
}
