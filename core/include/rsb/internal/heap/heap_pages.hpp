// SPDX-License-Identifier: MIT OR Apache-2.0
// The pages of a heap: a PageAllocator, with what is not for everybody.
//
// Room heap: for Heap, and for the room cached_heap on it.
#pragma once

#include "rsb/page_allocator.hpp"

namespace rsb {

template <HeapConfig Config>
class HeapPages : public PageAllocator<Config> {
  using Base = PageStock<Config>;

 public:
  using typename Base::LockGuard, typename Base::Others, typename Base::Texture;

  using Base::lock_, Base::runs_, Base::source_;

  using Base::add_region, Base::keep_no_reserve_in, Base::region_at, Base::remove_if_free;
  using Base::fail, Base::map;
  using Base::give, Base::resize, Base::take, Base::take_at_once, Base::take_from_reserve,
      Base::top_up;
  using Base::give_up, Base::may_have, Base::release_or_keep, Base::settle, Base::trim;
  using Base::refuse_damaged, Base::verify_taken;

  // What is counted.
  using Base::acquisitions_, Base::failures_, Base::given_back_, Base::gone_, Base::metadata_bytes_,
      Base::releases_;
  using Base::peak_used_pages, Base::reserved_pages;
};

}  // namespace rsb
