// SPDX-License-Identifier: MIT OR Apache-2.0
// Where the page source cannot protect, and in small heaps, no block lies between guard pages. What
// is so where it can is said by the room guard_pages, which only heaps of pages include.
//
// Room full: for Checks::full of all heaps, and for the room guard_pages.
#pragma once

#include "rsb/internal/full/guarded_state.hpp"

namespace rsb {

template <class Below, class Config>
class GuardPages : public GuardedState<Below, Config> {
 protected:
  using Base = GuardedState<Below, Config>;
  using Base::full;

  static constexpr bool has_guard_pages = false;
  static bool is_guarded(const void*) noexcept { return false; }
  static bool lies_between_guards(const void*) noexcept { return false; }
  static char* base_of(BlockRecord& record) noexcept { return record.block() - record.front(); }
  static BlockRecord* guarded_record_in(const char*) noexcept { return nullptr; }
  static size_t most_filled(const BlockRecord&) noexcept { return full.fill_bytes; }
};

template <class Below, class Config>
class GuardedJudging;

template <class Below, class Config>
class GuardedLarge : public GuardedJudging<Below, Config> {
 protected:
  static bool flush_stock() noexcept { return false; }
  static bool flush_stuck() noexcept { return false; }
  template <class Visit>
  static void for_each_in_stock(Visit) noexcept {}
};

}  // namespace rsb
