// SPDX-License-Identifier: MIT OR Apache-2.0
#include "report_text.hpp"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "rsb/options.hpp"
#include "rsb/rsb.h"

namespace {

using rsb::KiB;
using rsb::platform::Process;

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

// So much that it seldom takes more than one write(): what processes that end at the same time say
// does not mix. Not on the stack, which may be a signal handler's.
constinit char buffer[8 * KiB];

// Small, not fast: it is in each program.
class Writer {
 public:
  explicit Writer(int descriptor) noexcept : descriptor_(descriptor) {}
  ~Writer() { flush(); }
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  Writer& operator<<(const char* text) noexcept { return put_column(text, 0); }
  Writer& operator<<(size_t number) noexcept { return put_column(number, 0); }

  // With blanks before it up to a width.
  [[gnu::noinline]] Writer& put_column(size_t number, size_t width) noexcept {
    char text[20];
    char* digit = text + sizeof text;
    do {
      *--digit = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    return put_column(digit, static_cast<size_t>(text + sizeof text - digit), width);
  }
  [[gnu::noinline]] Writer& put_column(const char* text, size_t width) noexcept {
    return put_column(text, strlen(text), width);
  }

  // As between the quotes of a JSON string. A byte that is no part of UTF-8 is replaced.
  Writer& put_escaped(const char* text) noexcept {
    while (*text != '\0') {
      const size_t length = utf8_length(text);
      if (length == 0) {
        *this << "\\ufffd";
      } else if (*text == '"' || *text == '\\') {
        put("\\", 1).put(text, 1);
      } else if (static_cast<unsigned char>(*text) < ' ' || *text == 0x7f) {
        const char* const digits = "0123456789abcdef";
        *this << "\\u00";
        put(&digits[*text >> 4], 1).put(&digits[*text & 15], 1);
      } else {
        put(text, length);
      }
      text += length == 0 ? 1 : length;
    }
    return *this;
  }

 private:
  [[gnu::noinline]] Writer& put(const char* text, size_t bytes) noexcept {
    if (bytes > sizeof buffer - used_) flush();
    memcpy(buffer + used_, text, bytes);
    used_ += bytes;
    return *this;
  }
  [[gnu::noinline]] Writer& put_column(const char* text, size_t bytes, size_t width) noexcept {
    for (size_t i = bytes; i < width; i++) put(" ", 1);
    return put(text, bytes);
  }

  [[gnu::noinline]] void flush() noexcept {
    for (size_t done = 0; done < used_;) {
      const ssize_t written = write(descriptor_, buffer + done, used_ - done);
      if (written > 0) {
        done += static_cast<size_t>(written);
      } else if (written == 0 || errno != EINTR) {
        break;  // there is nobody to be told
      }
    }
    used_ = 0;
  }

  const int descriptor_;
  size_t used_ = 0;
};

constexpr const char* line = "rsbmalloc: ";

template <class Slot, class Spans, class Slots>
void put_row(Writer& out, Slot slot, Spans spans, Slots slots) noexcept {
  out << line;
  out.put_column(slot, 8) << " ";
  out.put_column(spans, 8) << " ";
  out.put_column(slots, 10) << " ";
}

template <class Live, class Bytes>
void put_end_of_row(Writer& out, Live live, Bytes bytes) noexcept {
  out.put_column(live, 10) << " ";
  out.put_column(bytes, 10) << "\n";
}

// Calls f(bin) for each that has spans.
template <class F>
void for_each_bin(F f) noexcept {
  rsb_bin_stats bin;
  for (size_t i = 0; rsb_get_bin_stats(i, &bin) != 0; i++) {
    if (bin.spans != 0) f(bin);
  }
}

struct Key {
  const char* name;
  size_t rsb_stats::*value;
};
constexpr Key keys[] = {
    {"live_blocks", &rsb_stats::live_blocks},
    {"live_bytes", &rsb_stats::live_bytes},
    {"large_blocks", &rsb_stats::large_blocks},
    {"large_bytes", &rsb_stats::large_bytes},
    {"used_bytes", &rsb_stats::used_bytes},
    {"peak_used_bytes", &rsb_stats::peak_used_bytes},
    {"free_bytes", &rsb_stats::free_bytes},
    {"kept_bytes", &rsb_stats::kept_bytes},
    {"acquired_bytes", &rsb_stats::acquired_bytes},
    {"peak_acquired_bytes", &rsb_stats::peak_acquired_bytes},
    {"metadata_bytes", &rsb_stats::metadata_bytes},
    {"acquisitions", &rsb_stats::acquisitions},
    {"releases", &rsb_stats::releases},
    {"failures", &rsb_stats::failures},
    {"longest_run_bytes", &rsb_stats::longest_run_bytes},
    {"largest_block_bytes", &rsb_stats::largest_block_bytes},
    {"deferred_blocks", &rsb_stats::deferred_blocks},
    {"reserved_pages", &rsb_stats::reserved_pages},
    {"cached_blocks", &rsb_stats::cached_blocks},
    {"cached_bytes", &rsb_stats::cached_bytes},
};

}  // namespace

[[gnu::cold]] void rsb::platform::write_table(int descriptor, const Process& process) noexcept {
  rsb_stats s;
  rsb_get_stats(&s);
  Writer out(descriptor);
  (out << line).put_escaped(process.program) << ", pid " << static_cast<size_t>(process.id) << "\n";
  out << line << s.live_blocks << " live blocks of " << s.live_bytes / KiB << " KiB in "
      << s.used_bytes / KiB << " KiB of pages (at most " << s.peak_used_bytes / KiB << " KiB)\n";
  if (s.cached_bytes != 0) out << line << s.cached_bytes / KiB << " KiB of them in caches\n";
  out << line << s.acquired_bytes / KiB << " KiB acquired (at most " << s.peak_acquired_bytes / KiB
      << " KiB), " << s.acquisitions << " acquisitions, " << s.releases << " releases, "
      << s.failures << " failures\n";
  put_row(out, "slot", "spans", "slots");
  put_end_of_row(out, "live", "bytes");
  for_each_bin([&](const rsb_bin_stats& bin) {
    put_row(out, bin.slot_bytes, bin.spans, bin.slots);
    put_end_of_row(out, bin.live, bin.live * bin.slot_bytes);
  });
  put_row(out, "large", "-", "-");
  put_end_of_row(out, s.large_blocks, s.large_bytes);
}

[[gnu::cold]] void rsb::platform::write_json(int descriptor, const Process& process) noexcept {
  rsb_stats s;
  rsb_get_stats(&s);
  Writer out(descriptor);
  (out << "{\"program\":\"").put_escaped(process.program) << "\",\"pid\":";
  out << static_cast<size_t>(process.id);
  for (const Key& key : keys) out << ",\"" << key.name << "\":" << s.*key.value;
  out << ",\"bins\":[";
  const char* separator = "";
  for_each_bin([&](const rsb_bin_stats& bin) {
    out << separator << "{\"slot_bytes\":" << bin.slot_bytes << ",\"spans\":" << bin.spans;
    out << ",\"slots\":" << bin.slots << ",\"live\":" << bin.live << "}";
    separator = ",";
  });
  out << "]}\n";
}
