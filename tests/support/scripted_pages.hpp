// SPDX-License-Identifier: MIT OR Apache-2.0
// A page source that does what a test tells it: serves pages from an arena, fails on the nth call,
// returns misaligned, overlapping or dirty pages, refuses to take pages back. It counts what it is
// asked, and checks that it is asked as page_source.hpp promises.
#pragma once

#include "rsb/page_source.hpp"
#include "support/failing_call.hpp"
#include "support/watched_lock.hpp"

namespace support {

// What a page source fills memory with that it does not promise to be zero.
inline constexpr unsigned char dirt = 0xaa;

// Satisfies rsb::PageSource. Memory is handed out first fit, full of dirt.
class ScriptedPages {
 public:
  constexpr ScriptedPages() noexcept = default;

  // ---- The script
  // ---------------------------------------------------------------------------------

  // Pages come from [arena, arena + bytes); before, there are none.
  void serve_from(void* arena, size_t bytes) noexcept {
    begin_ = static_cast<char*>(arena);
    end_ = begin_ + bytes;
  }

  // Pages are handed out with what they hold: for an arena whose owner sees to that.
  void leave_contents() noexcept { fills_ = false; }

  // Of the calls of acquire() to come, `count` are answered as ever, and the next one fails.
  void fail_once_after(size_t count) noexcept {
    fail_from_ = calls_ + count, fail_until_ = fail_from_ + 1;
  }
  // The same, but all later ones fail too.
  void fail_always_after(size_t count) noexcept {
    fail_from_ = calls_ + count, fail_until_ = SIZE_MAX;
  }
  void fail_never() noexcept { fail_from_ = SIZE_MAX, fail_until_ = 0; }

  // The acquire() after `count` others returns memory that is 8 bytes off.
  void misalign_after(size_t count) noexcept { misaligned_call_ = calls_ + count; }
  // The next acquire() returns this address, whatever there is already.
  void answer_next(void* base) noexcept { answer_next_ = base; }

  // The next `count` calls of release(), discard() and move() fail.
  void refuse_next_releases(size_t count) noexcept { refused_releases_ = count; }
  void refuse_next_discards(size_t count) noexcept { refused_discards_ = count; }
  void refuse_next_moves(size_t count, rsb::Move as = rsb::Move::refused) noexcept {
    refused_moves_ = count;
    refusal_ = as;
  }

  // Nothing fails any more, whatever was said before.
  void recover() noexcept {
    fail_never();
    refused_releases_ = refused_discards_ = refused_moves_ = 0;
    all_calls_.recover();
  }

  // ---- What has happened
  // --------------------------------------------------------------------------

  size_t calls() const noexcept { return calls_; }            // of acquire(), failed ones included
  size_t failures() const noexcept { return failed_; }        // of acquire()
  size_t acquisitions() const noexcept { return acquired_; }  // successful ones
  size_t releases() const noexcept { return released_; }      // successful ones
  size_t discards() const noexcept { return discarded_; }
  size_t moves() const noexcept { return moved_; }
  size_t held() const noexcept { return count_; }  // acquisitions not released
  size_t held_bytes() const noexcept {
    size_t bytes = 0;
    for (size_t i = 0; i < count_; i++) bytes += held_[i].bytes;
    return bytes;
  }
  size_t largest_request() const noexcept { return largest_request_; }
  size_t largest_alignment() const noexcept { return largest_alignment_; }
  bool holds(const void* p) const noexcept { return around(p) != nullptr; }

  // Null if all calls were as page_source.hpp promises, else a sentence about the first that was
  // not.
  const char* complaint() const noexcept { return complaint_; }

  // ---- rsb::PageSource
  // ----------------------------------------------------------------------------

  void* acquire(size_t bytes, size_t alignment) noexcept { return acquire(bytes, alignment, dirt); }

  bool release(void* base, size_t bytes) noexcept {
    expect(!WatchedLock::is_held(), "release() called with the lock held");
    if (all_calls_.fails(SourceCall::release)) return false;
    if (refused_releases_ != 0) {
      refused_releases_--;
      return false;
    }
    return take_back(base, bytes);
  }

 protected:
  struct Held {
    char* base = nullptr;
    size_t bytes = 0;
  };

  // Full of `content`.
  void* acquire(size_t bytes, size_t alignment, unsigned char content) noexcept {
    expect(!WatchedLock::is_held(), "acquire() called with the lock held");
    expect(bytes != 0 && bytes % 64 == 0, "acquire() of other than whole pages");
    expect(rsb::is_power_of_two(alignment) && alignment >= 64, "acquire() with a bad alignment");
    largest_request_ = rsb::larger(largest_request_, bytes);
    largest_alignment_ = rsb::larger(largest_alignment_, alignment);
    const size_t call = calls_++;
    if (all_calls_.fails(SourceCall::acquire) || (call >= fail_from_ && call < fail_until_)) {
      failed_++;
      return nullptr;
    }
    if (answer_next_ != nullptr) {
      void* const answer = answer_next_;
      answer_next_ = nullptr;
      return answer;
    }
    const size_t off = call == misaligned_call_ ? 8 : 0;
    char* const base = place(bytes + off, alignment);
    if (base == nullptr) {
      failed_++;
      return nullptr;
    }
    acquired_++;
    if (fills_) __builtin_memset(base, content, bytes + off);
    return base + off;
  }

  // For the sources below that can do more.
  bool may_discard(void* base, size_t bytes) noexcept {
    expect(!WatchedLock::is_held(), "discard() called with the lock held");
    expect(lies_in_one(base, bytes), "discard() of memory outside an acquisition");
    if (all_calls_.fails(SourceCall::discard)) return false;
    if (refused_discards_ != 0) {
      refused_discards_--;
      return false;
    }
    discarded_++;
    return true;
  }

  bool may_move(void* from, size_t bytes, void* to) noexcept {
    expect(!WatchedLock::is_held(), "move() called with the lock held");
    expect(lies_in_one(from, bytes), "move() of memory outside an acquisition");
    expect(lies_in_one(to, bytes), "move() to memory outside an acquisition");
    if (all_calls_.fails(SourceCall::move)) return false;
    if (refused_moves_ != 0) {
      refused_moves_--;
      return false;
    }
    moved_++;
    return true;
  }
  rsb::Move refusal() const noexcept { return refusal_; }

 private:
  static constexpr size_t most_held = 256;

  void expect(bool holds, const char* sentence) noexcept {
    if (!holds && complaint_ == nullptr) complaint_ = sentence;
  }

  const Held* around(const void* p) const noexcept {
    for (size_t i = 0; i < count_; i++) {
      if (rsb::bytes_from(held_[i].base, p) < held_[i].bytes) return &held_[i];
    }
    return nullptr;
  }

  bool lies_in_one(const void* base, size_t bytes) const noexcept {
    const Held* const h = around(base);
    return h != nullptr && rsb::bytes_from(h->base, base) + bytes <= h->bytes;
  }

  // First fit; held_ is in order of addresses.
  char* place(size_t bytes, size_t alignment) noexcept {
    if (count_ == most_held || begin_ == nullptr) return nullptr;
    char* free = begin_;
    for (size_t i = 0; i <= count_; i++) {
      char* const limit = i < count_ ? held_[i].base : end_;
      const size_t room = rsb::bytes_from(free, limit);
      const size_t skip = rsb::bytes_from(free, rsb::align_up(free, alignment));
      if (skip <= room && bytes <= room - skip) {
        for (size_t j = count_; j > i; j--) held_[j] = held_[j - 1];
        held_[i] = {free + skip, bytes};
        count_++;
        return held_[i].base;
      }
      if (i < count_) free = held_[i].base + held_[i].bytes;
    }
    return nullptr;
  }

  bool take_back(void* base, size_t bytes) noexcept {
    for (size_t i = 0; i < count_; i++) {
      if (held_[i].base != base || held_[i].bytes != bytes) continue;
      if (fills_) __builtin_memset(base, 0xdd, bytes);  // nobody may rely on it any more
      count_--;
      for (size_t j = i; j < count_; j++) held_[j] = held_[j + 1];
      released_++;
      return true;
    }
    expect(false, "release() of what acquire() did not return");
    return false;
  }

  char* begin_ = nullptr;
  char* end_ = nullptr;
  bool fills_ = true;
  Held held_[most_held] = {};
  size_t count_ = 0;

  size_t fail_from_ = SIZE_MAX;
  size_t fail_until_ = 0;
  size_t misaligned_call_ = SIZE_MAX;
  void* answer_next_ = nullptr;
  size_t refused_releases_ = 0;
  size_t refused_discards_ = 0;
  size_t refused_moves_ = 0;
  rsb::Move refusal_ = rsb::Move::refused;

  CallsOfSource all_calls_;
  size_t calls_ = 0;
  size_t failed_ = 0;
  size_t acquired_ = 0;
  size_t released_ = 0;
  size_t discarded_ = 0;
  size_t moved_ = 0;
  size_t largest_request_ = 0;
  size_t largest_alignment_ = 0;
  const char* complaint_ = nullptr;
};

// With all that mmap offers. Satisfies rsb::ZeroingSource, DiscardingSource and MovingSource.
class ZeroedPages : public ScriptedPages {
 public:
  static constexpr bool zeroed = true;

  void* acquire(size_t bytes, size_t alignment) noexcept {
    return ScriptedPages::acquire(bytes, alignment, 0);
  }

  bool discard(void* base, size_t bytes) noexcept {
    if (!may_discard(base, bytes)) return false;
    __builtin_memset(base, 0, bytes);
    return true;
  }

  rsb::Move move(void* from, size_t bytes, void* to) noexcept {
    if (!may_move(from, bytes, to)) return refusal();
    __builtin_memcpy(to, from, bytes);
    __builtin_memset(from, 0, bytes);
    return rsb::Move::done;
  }
};

static_assert(rsb::PageSource<ScriptedPages>);
static_assert(!rsb::ZeroingSource<ScriptedPages>);
static_assert(rsb::DiscardingSource<ZeroedPages>);
static_assert(rsb::MovingSource<ZeroedPages>);

}  // namespace support
