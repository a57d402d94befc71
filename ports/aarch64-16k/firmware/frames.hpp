// SPDX-License-Identifier: MIT OR Apache-2.0
// The machine's memory, in frames of 16 KiB: where this firmware's heap gets its pages from.
#pragma once

#include "rsb/internal/machine/bits.hpp"
#include "rsb/lock.hpp"

namespace firmware {

// Satisfies rsb::PageSource: runs of frames, the first one that is long enough. Linear in the
// number of frames, but asked for many at a time, and never by an interrupt handler, so the lock
// need not keep those out.
class Frames {
 public:
  static constexpr size_t frame = 16 * rsb::KiB;
  static constexpr bool trusted = true;  // what it hands out does not overlap
  static constexpr size_t most = 64 * rsb::MiB / frame;

  // Whole frames of [begin, end), as many as there is room for. Before anything else.
  void manage(char* begin, char* end) noexcept {
    base_ = rsb::align_up(begin, frame);
    count_ = rsb::smaller(rsb::bytes_from(base_, end) / frame, most);
  }

  char* base() const noexcept { return base_; }
  size_t count() const noexcept { return count_; }
  size_t in_use() const noexcept { return in_use_; }

  void* acquire(size_t bytes, size_t alignment) noexcept {
    const size_t wanted = bytes / frame;
    rsb::Guard guard(lock_);
    size_t found = 0;
    for (size_t i = 0; i < count_; i++) {
      if (is_used_[i] || (found == 0 && !rsb::is_aligned(base_ + i * frame, alignment))) {
        found = 0;
      } else if (++found == wanted) {
        mark(i + 1 - wanted, wanted, true);
        in_use_ += wanted;
        return base_ + (i + 1 - wanted) * frame;
      }
    }
    return nullptr;
  }

  bool release(void* base, size_t bytes) noexcept {
    rsb::Guard guard(lock_);
    mark(rsb::bytes_from(base_, base) / frame, bytes / frame, false);
    in_use_ -= bytes / frame;
    return true;
  }

 private:
  void mark(size_t first, size_t frames, bool used) noexcept {
    for (size_t i = 0; i < frames; i++) is_used_[first + i] = used;
  }

  rsb::SpinLock lock_;
  char* base_ = nullptr;
  size_t count_ = 0;
  size_t in_use_ = 0;
  bool is_used_[most] = {};
};

}  // namespace firmware
