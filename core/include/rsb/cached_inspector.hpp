// SPDX-License-Identifier: MIT OR Apache-2.0
// HeapInspector's interface for a heap with caches, through which it sees: what lies in them is
// free. stats() and bin_stats() look into them; all others empty them first, and no thread has one
// meanwhile. Slots in a cache that cannot be seized (cache_set.hpp) count as live.
#pragma once

#include "rsb/cached_heap.hpp"
#include "rsb/inspector.hpp"

namespace rsb {

template <HeapConfig Config>
class CachedHeapInspector {
  using TheHeap = CachedHeap<Config>;
  using Classes = typename TheHeap::Classes;
  using Seizure = typename TheHeap::Seizure;
  using Emptied = typename TheHeap::Emptied;
  using TheCache = typename TheHeap::TheCache;

 public:
  static constexpr size_t bins = Classes::count;

  explicit CachedHeapInspector(TheHeap& the_heap) noexcept : heap_(the_heap) {}

  [[gnu::cold]] Stats stats() noexcept {
    return stats([](Stats&) {});
  }
  template <class Also>
  [[gnu::cold]] Stats stats(Also also) noexcept {
    Seizure all(heap_.set_, heap_.seats_);
    Stats s = inspect(base()).stats(also);
    all.for_each([&](const TheCache& the_cache) {
      const size_t cached_slots = the_cache.count();
      const size_t cached_bytes = the_cache.bytes();
      s.live_blocks -= cached_slots;
      s.live_bytes -= cached_bytes;
      s.cached_blocks += cached_slots;
      s.cached_bytes += cached_bytes;
      return true;
    });
    return s;
  }

  [[gnu::cold]] BinStats bin_stats(size_t bin) noexcept {
    return bin_stats(bin, [](BinStats&) {});
  }
  template <class Also>
  [[gnu::cold]] BinStats bin_stats(size_t bin, Also also) noexcept {
    Seizure all(heap_.set_, heap_.seats_);
    BinStats s = inspect(base()).bin_stats(bin, also);
    all.for_each([&](const TheCache& the_cache) {
      s.live -= the_cache.magazine(bin).count();
      return true;
    });
    return s;
  }

  // Leaves caches as they are.
  [[gnu::cold]] Description describe(const void* address) noexcept {
    return inspect(base()).describe(address);
  }

  [[gnu::cold]] RegionStats region_stats(void* base_of_region, size_t bytes) noexcept {
    heap_.flush_all();  // what was written to while free is a fault, and comes before all else
    const Emptied emptied(heap_);
    return inspect(base()).region_stats(base_of_region, bytes);
  }

  template <class Visitor>
  [[gnu::cold]] bool walk(Visitor&& visit) noexcept {
    heap_.flush_all();  // what was written to while free is a fault, and comes before all else
    const Emptied emptied(heap_);
    return inspect(base()).walk(visit);
  }

  template <class Visitor>
  [[gnu::cold]] bool walk_runs(Visitor&& visit) noexcept {
    heap_.flush_all();  // what was written to while free is a fault, and comes before all else
    const Emptied emptied(heap_);
    return inspect(base()).walk_runs(visit);
  }

  [[gnu::cold]] const char* check() noexcept {
    if (!are_caches_sound())
      return "a cache holds whole free slots of its classes, and free runs, not too many";
    const Emptied emptied(heap_);
    if (emptied.refused() != nullptr) return "no slot is free twice";
    return inspect(base()).check();
  }

 private:
  Heap<Config>& base() noexcept { return heap_; }

  bool are_caches_sound() noexcept {
    Seizure all(heap_.set_, heap_.seats_);
    return all.for_each([&](const TheCache& the_cache) { return is_sound(the_cache); });
  }

  bool is_sound(const TheCache& cache) noexcept {
    size_t bytes = 0;
    for (SizeClass c = 0; c < Classes::count; c++) {
      const Magazine m = cache.magazine(c);
      if (m.count() > m.capacity()) return false;
      bytes += m.capacity() * Classes::layout(c).size;
      for (void* const slot : m) {
        if (!heap_.belongs_in_cache(slot, c)) return false;
      }
    }
    return bytes <= cache.granted() && cache.spans.is_sound() && cache.runs.is_sound();
  }

  TheHeap& heap_;
};

// With Checks::full.
template <HeapConfig Config>
requires FullyChecked<Config>
class CachedHeapInspector<Config>
    : public GuardedInspector<CachedHeap<Config>, CachedHeapInspector<UnderGuards<Config>>> {
 public:
  using GuardedInspector<CachedHeap<Config>,
                         CachedHeapInspector<UnderGuards<Config>>>::GuardedInspector;
};

template <HeapConfig Config>
CachedHeapInspector<Config> inspect(CachedHeap<Config>& heap) noexcept {
  return CachedHeapInspector<Config>(heap);
}

}  // namespace rsb
