// SPDX-License-Identifier: MIT OR Apache-2.0
// Memory from the page source gets descriptors in the page map, or goes back; and what nobody may
// hand over is refused.
//
// Room page_allocator: for PageAllocator, and for the room heap on it.
#pragma once

#include "rsb/internal/page_allocator/page_state.hpp"

namespace rsb {

template <HeapConfig Config>
class PageCovering : protected PageState<Config> {
 protected:
  using Base = PageState<Config>;
  using Base::acquisitions_, Base::given_back_, Base::lock_, Base::metadata_bytes_, Base::orphans_,
      Base::releases_, Base::runs_, Base::source_;
  using Base::fail, Base::map;
  using Base::options, Base::page, Base::verifies;
  using typename Base::LockGuard, typename Base::Orphan, typename Base::Pages;

  // Installs what the map lacks for [base, base + bytes), without the lock. False: the source has
  // no memory for it.
  bool cover(void* base, size_t bytes) noexcept {
    const bool knows_others = map().covers_any();
    refuse_aliases(base, bytes);
    while (const size_t node_bytes = map().missing(base, bytes)) {
      if constexpr (options.map == Map::flat) {
        return false;
      } else {
        if (!add_node(base, bytes, node_bytes)) return false;
      }
    }
    if (!knows_others) refuse_aliases(base, bytes);  // another thread may have been the first
    return true;
  }

  // `node_bytes`: what the map would like best.
  [[gnu::cold]] bool add_node(void* base, size_t bytes, size_t node_bytes) noexcept {
    node_bytes = affordable_node(base, bytes, node_bytes);
    size_t border = 0;
    void* acquired;
    while ((acquired = acquire_node(align_up(node_bytes, page), border)) == nullptr) {
      node_bytes = map().smaller_node(base, bytes, node_bytes);
      if (node_bytes == 0) return false;
    }
    if (!is_aligned(acquired, page)) raise(Fault::bad_pages, acquired);
    const size_t size = align_up(node_bytes, page) + 2 * border;
    if constexpr (!ZeroingSource<Pages>) __builtin_memset(acquired, 0, size);
    {
      LockGuard guard(lock_);
      void* const node = static_cast<char*>(acquired) + border;
      const bool installed = map().install(base, bytes, node, node_bytes);
      acquisitions_++;
      if (!installed) {
        release_or_keep(guard, acquired, size);  // another thread was faster
        return true;
      }
      metadata_bytes_ += size;
    }
    if (border != 0) keep_out(static_cast<char*>(acquired), size, border);
    return true;
  }

  // ---- With Checks::full: nodes between pages that nobody can touch ----

  // So whatever is written on and on out of other memory does not reach a descriptor. Where the
  // source has no memory for those pages, or does not protect them, a node is without.
  static constexpr bool fences_nodes = verifies && ProtectingSource<Pages>;

  // Memory for a node of so many bytes, and for `border` bytes before and behind it. Null: none.
  void* acquire_node(size_t bytes, size_t& border) noexcept {
    if constexpr (fences_nodes) {
      border = page;
      if (void* const node = acquire_sparse(source_, bytes + 2 * page, page)) return node;
      border = 0;
    }
    return acquire_sparse(source_, bytes, page);
  }

  void keep_out([[maybe_unused]] char* base, [[maybe_unused]] size_t bytes,
                [[maybe_unused]] size_t border) noexcept {
    if constexpr (fences_nodes) {
      source_.protect(base, border);
      source_.protect(base + bytes - border, border);
    }
  }

  // A node is for memory to come, too. Where there is not much more to come, or where it costs
  // memory although it is not touched, the node covers as much as there is by now, about.
  [[gnu::cold]] size_t affordable_node(void* base, size_t bytes, size_t node_bytes) noexcept {
    if constexpr (SparingSource<Pages>) {
      constexpr size_t least_share = 64;  // of what there is to spare
      size_t acquired;
      {
        LockGuard guard(lock_);
        acquired = runs_.acquired_pages() * page;
      }
      while (!source_.has_to_spare(node_bytes * least_share)) {
        const size_t smaller = map().smaller_node(base, bytes, node_bytes);
        if (smaller / sizeof(Span) * page < acquired + bytes) break;
        node_bytes = smaller;
      }
    }
    return node_bytes;
  }

  // ---- Refusing ----

  void refuse_aliases(const void* base, size_t bytes) const noexcept {
    if (!map().tells_apart(base, bytes)) [[unlikely]]
      raise(Fault::bad_pages, base);
  }

  [[gnu::cold]] void refuse_overlap(void* base, size_t bytes) noexcept {
    for (Span* s = runs_.acquisitions(); s != nullptr; s = s->next_acquisition) {
      if (overlap(s->base, runs_.length_of_all(s) * page, base, bytes))
        fail(Fault::bad_pages, base);
    }
    if constexpr (options.map == Map::flat) {
      if (map().lives_in(base, bytes)) fail(Fault::bad_pages, base);
    }
  }

  // ---- Giving back ----

  [[gnu::cold]] void release_or_keep(LockGuard& guard, void* base, size_t bytes) noexcept {
    if (!release_to_source(guard, base, bytes)) keep_orphan(base, bytes);
  }

  void keep_orphan(void* base, size_t bytes) noexcept {
    Orphan* const orphan = static_cast<Orphan*>(base);
    orphan->next = orphans_;
    orphan->bytes = bytes;
    orphans_ = orphan;
    metadata_bytes_ += bytes;
  }

  bool release_to_source(LockGuard& guard, void* base, size_t bytes) noexcept {
    bool released;
    {
      Unlocked unlocked(guard);
      released = source_.release(base, bytes);
    }
    releases_ += released;
    if (released) given_back_ += bytes;
    return released;
  }
};

}  // namespace rsb
