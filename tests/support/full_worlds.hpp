// SPDX-License-Identifier: MIT OR Apache-2.0
// Configurations with Checks::full, whose queue is short.
#pragma once

#include "support/worlds.hpp"

namespace support {

using rsb::Checks;
using rsb::FullOptions;

constexpr FullOptions queue{.queue_bytes = 8 * rsb::KiB, .queue_blocks = 8};

struct FullRadix : Configuration<with_checks(small_radix, Checks::full), ZeroedPages> {
  static constexpr FullOptions full = queue;
};
struct FullPool : Configuration<with_checks(firmware, Checks::full)> {
  static constexpr FullOptions full = queue;
};
struct FullSpans : Configuration<with_checks(multi_page_spans, Checks::full)> {
  static constexpr FullOptions full = queue;
};

// Pages that can be protected, which fills them: so what is written to them shows.
class FencedPages : public ZeroedPages {
 public:
  static constexpr unsigned char fence = 0x5e;

  [[gnu::noinline]] bool protect(void* base, size_t bytes) noexcept {
    if (!protects_ || WatchedLock::is_held()) return false;
    calls_++;
    __builtin_memset(base, fence, bytes);
    return true;
  }
  bool unprotect(void*, size_t) noexcept {
    calls_++;
    return !refuses_;
  }
  void refuse_to_protect() noexcept { protects_ = false; }
  void refuse_to_unprotect(bool refuses) noexcept { refuses_ = refuses; }
  // Of both.
  size_t calls() const noexcept { return calls_; }

 private:
  size_t calls_ = 0;
  bool protects_ = true;
  bool refuses_ = false;
};

struct FullFenced : Configuration<with_checks(small_radix, Checks::full), FencedPages> {
  static constexpr FullOptions full = queue;
};

}  // namespace support
