// SPDX-License-Identifier: MIT OR Apache-2.0
// What a page allocator is made of: a lock, a page source, runs of pages and a few words. In the
// layers above, the lock may be given up in between by all functions that take the guard.
//
// Room page_allocator: for PageAllocator, and for the room heap on it.
#pragma once

#include "rsb/annotations.hpp"
#include "rsb/fault.hpp"
#include "rsb/internal/pages/page_runs.hpp"
#include "rsb/lock.hpp"
#include "rsb/page_source.hpp"

namespace rsb {

template <class C>
concept HeapConfig = requires {
  requires PageSource<typename C::Pages>;
  requires Lock<typename C::Lock>;
  requires SameAs<decltype(C::options), const Options>;
};

template <HeapConfig Config>
class PageState : ValidOptions<Config::options>, ValidAnnotations<Config> {
 public:
  static constexpr Options options = Config::options;
  static constexpr size_t page = options.page_size;

  using Pages = typename Config::Pages;
  using LockType = typename Config::Lock;
  using LockGuard = Guard<LockType>;

  // The most that the page source ever gives at a time, so far as it says.
  static constexpr size_t most_acquired = [] {
    if constexpr (BoundedSource<Pages>) return Pages::most_bytes;
    return SIZE_MAX;
  }();
  static_assert(PageMap<options>::needed_node_bytes <= most_acquired,
                "Options::radix_leaf_bits and radix_inner_bits make a node larger than the page "
                "source ever gives (its most_bytes)");

 protected:
  constexpr PageState() noexcept = default;

  PageMap<options>& map() noexcept { return runs_.map(); }
  const PageMap<options>& map() const noexcept { return runs_.map(); }

  // Called with the lock held; the fault is raised without, so that the hook may do what it likes.
  [[noreturn, gnu::cold, gnu::noinline]] void fail(Fault fault, const void* p) noexcept {
    lock_.unlock();
    raise(fault, p);
  }

  // ---- With Checks::full: what must hold of a run that is touched, or it is a fault ----

  static constexpr bool verifies = verifies_itself(options.checks);

  void expect([[maybe_unused]] const Span* run, [[maybe_unused]] const char* broken) noexcept {
    if (broken != nullptr) [[unlikely]]
      fail(Fault::damaged_descriptor, run);
  }
  // One that is given back.
  void verify_taken([[maybe_unused]] const Span* run) noexcept {
    if constexpr (verifies) expect(run, runs_.broken_extent(run));
  }
  // One that is to be taken out of its list.
  void verify_free([[maybe_unused]] const Span* run) noexcept {
    if constexpr (verifies) expect(run, runs_.broken_free(run));
  }
  // Those that have just been looked at.
  void refuse_damaged() noexcept {
    if constexpr (verifies) {
      if (const Span* const run = runs_.take_damaged()) [[unlikely]]
        fail(Fault::damaged_descriptor, run);
    }
  }

  // An allocation is about to return null.
  void give_up([[maybe_unused]] LockGuard& guard) noexcept {
    failures_++;
    if constexpr (requires { Config::exhausted(); }) {
      Unlocked unlocked(guard);
      Config::exhausted();
    }
  }

  // ---- What the members are of ----

  // How much of what is acquired ahead, for more requests like the one that asks, is touched in the
  // end: all of it, or perhaps no more than where blocks begin.
  enum class Texture : uint8_t { dense, sparse };

  // Memory that the map could not cover for want of memory, and that the source did not take back:
  // kept in a list in itself, so that it is not lost.
  struct Orphan {
    Orphan* next;
    size_t bytes;
  };

  // Where the last acquisitions began that went back to the source, so that a second release of a
  // block that was one of them is known as such, as long as nobody has the addresses. Asked without
  // the lock, too.
  template <bool remembers, class Address = const void*>
  struct GivenBack {
    void note(Address) noexcept {}
    bool has_before(Address, size_t) const noexcept { return false; }
  };
  template <class Address>
  struct GivenBack<true, Address> {
    static constexpr unsigned most = 8;
    Address bases[most] = {};
    unsigned next = 0;

    void note(Address base) noexcept {
      store_relaxed(&bases[next], base);
      next = (next + 1) % most;
    }
    bool has_before(Address p, size_t most_before) const noexcept {
      for (const Address& each : bases) {
        const Address base = load_relaxed(&each);
        if (base != nullptr && bytes_from(base, p) <= most_before) return true;
      }
      return false;
    }
  };
  // Not where there are a few regions that stay.
  static constexpr bool remembers_given_back =
      options.checks != Checks::off && options.map == Map::radix;

  // What settle() remembers. In pages.
  template <bool discards, class Count = size_t>
  struct Settled {};
  template <class Count>
  struct Settled<true, Count> {
    Count earlier_peak = 0;
    Count kept_for = 0;
  };

  LockType lock_;
  [[no_unique_address]] Pages source_;
  PageRuns<options> runs_;
  Orphan* orphans_ = nullptr;
  Span* to_discard_ = nullptr;
  Span* reserve_ = nullptr;
  size_t metadata_bytes_ = 0;
  size_t acquisitions_ = 0;
  size_t releases_ = 0;
  size_t given_back_ = 0;  // bytes, released and discarded
  size_t failures_ = 0;
  [[no_unique_address]] Settled<DiscardingSource<Pages>> settled_;
  [[no_unique_address]] GivenBack<remembers_given_back> gone_;
  uint8_t halvings_ = 0;              // of Options::acquire_size
  Texture texture_ = Texture::dense;  // of what was last asked for and not there
};

}  // namespace rsb
