// SPDX-License-Identifier: MIT OR Apache-2.0
// All headers but memory_resource.hpp, which is for hosted programs, and all members of what is in
// them. See compile.py.
#include "rsb/allocator.hpp"
#include "rsb/buddy_pages.hpp"
#include "rsb/cached_inspector.hpp"
#include "small_heap.cpp"

// Not in a namespace without a name: of what only this file has, Clang makes no code.

struct FullPages {
  bool protect(void*, size_t) noexcept { return true; }
  bool unprotect(void*, size_t) noexcept { return true; }
  static constexpr bool zeroed = true;
  void* acquire(size_t, size_t) noexcept { return nullptr; }
  bool release(void*, size_t) noexcept { return true; }
  bool discard(void*, size_t) noexcept { return true; }
  rsb::Move move(void*, size_t, void*) noexcept { return rsb::Move::done; }
  bool accepts_page(size_t) noexcept { return true; }
  rsb::Region next_region() noexcept { return {}; }
};

struct Core {
  static unsigned core() noexcept { return 0; }
};

template <rsb::Map map, class Source>
struct Config {
  using Pages = Source;
  using Lock = RSB_LOCK;
  using Seats = rsb::CoreSeats<2, Core>;
  static constexpr rsb::Options options{.page_size = 4 * rsb::KiB,
                                        .span_size = 16 * rsb::KiB,
                                        .acquire_size = 64 * rsb::KiB,
                                        .acquire_alignment = 64 * rsb::KiB,
                                        .reserve_pages = 4,
                                        .map = map};
  static constexpr rsb::CacheOptions caches{.bytes = 4 * rsb::KiB,
                                            .most_bytes = 4 * rsb::KiB,
                                            .run_bytes = 64 * rsb::KiB,
                                            .magazine = 64};
  static void exhausted() noexcept {}
};

struct KernelBuddy {
  static constexpr size_t page_size = 4 * rsb::KiB;
  static constexpr unsigned max_order = 10;
  void* alloc_pages(unsigned) noexcept { return nullptr; }
  void free_pages(void*, unsigned) noexcept {}
};

template <class Config>
struct Distrusting : Config {
  static constexpr rsb::Options options = [] {
    rsb::Options o = Config::options;
    o.checks = rsb::Checks::full;
    return o;
  }();
};

using Radix = Config<rsb::Map::radix, FullPages>;
using Flat = Config<rsb::Map::flat, FullPages>;
using DistrustfulRadix = Distrusting<Radix>;
using Started = rsb::BootThen<rsb::BuddyPages<KernelBuddy>>;

template class rsb::Heap<Radix>;
template class rsb::HeapInspector<Radix>;
template class rsb::CachedHeap<Radix>;
template class rsb::CachedHeapInspector<Radix>;
template class rsb::GuardedHeap<rsb::CachedHeap<rsb::UnderGuards<DistrustfulRadix>>,
                                DistrustfulRadix>;
template class rsb::CachedHeapInspector<DistrustfulRadix>;
template class rsb::GuardedHeap<rsb::Heap<rsb::UnderGuards<DistrustfulRadix>>, DistrustfulRadix>;
template class rsb::HeapInspector<DistrustfulRadix>;
template class rsb::PageAllocator<Flat>;
template class rsb::Heap<Flat>;
template class rsb::HeapInspector<Flat>;
template class rsb::BuddyPages<KernelBuddy>;
template class rsb::BootThen<rsb::BuddyPages<KernelBuddy>>;
template class rsb::Allocator<long>;

extern "C" bool use(rsb::CachedHeap<Radix>& cached,
                    rsb::Heap<Config<rsb::Map::flat, Started>>& started) {
  rsb::CachedHeapInspector inspector(cached);
  rsb::HeapInspector other(started);
  return inspector.walk([](void* at, size_t length) { return at != nullptr && length != 0; }) &&
         inspector.walk_runs([](const rsb::Run& each) { return each.bytes != 0; }) &&
         other.walk([](void* at, size_t length) { return at != nullptr && length != 0; }) &&
         other.walk_runs([](const rsb::Run& each) { return each.bytes != 0; });
}
