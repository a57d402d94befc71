// SPDX-License-Identifier: MIT OR Apache-2.0
// platform/<name>/rsb/platform.hpp of the systems with virtual memory: compiled once for each,
// chosen by include path.
#include "rsb/platform.hpp"

#include "rsb/inspector.hpp"
#include "support/test.hpp"
#include "support/virtual_memory.hpp"

using namespace rsb;
using support::is_mapped;
using support::last_error;
using support::set_last_error;

namespace {

using Pages = platform::Pages;

struct OverPlatform {
  using Pages = platform::Pages;
  using Lock = platform::Lock;
  static constexpr Options options = platform::options;
};

struct TooSmall {
  using Pages = platform::Pages;
  using Lock = NoLock;
  // A map for 38-bit page numbers of 64-bit machines, and for the 22-bit ones of others.
  static constexpr Options options{
      .page_size = 1 * KiB, .span_size = 1 * KiB, .radix_leaf_bits = 10, .radix_inner_bits = 10};
};

// With its descriptors at hand.
struct Distrustful : OverPlatform {
  static constexpr Options options = [] {
    Options o = platform::options;
    o.checks = Checks::full;
    return o;
  }();
};
struct Opened : Heap<Distrustful> {
  Span* descriptor(const void* p) { return pages_.map().find(p); }
};

// What a program has in errno, or in what is like it, when nothing has failed.
constexpr int untouched = 4242;

}  // namespace

TEST_CASE("the platform's pages are all that a page source can be") {
  CHECK(PageSource<Pages>);
  CHECK(ZeroingSource<Pages>);
  CHECK(TrustedSource<Pages>);
  CHECK(DiscardingSource<Pages>);
  CHECK(SourceKnowsPage<Pages>);
  CHECK(Lock<platform::Lock>);
  CHECK(HeapConfig<OverPlatform>);
}

TEST_CASE("acquired pages are aligned, zero, writable, and gone when released") {
  Pages pages;
  set_last_error(untouched);
  for (size_t alignment = 16 * KiB; alignment <= 64 * MiB; alignment *= 4) {
    for (const size_t bytes : {16 * KiB, 48 * KiB, 2 * MiB, 32 * MiB}) {
      CAPTURE(alignment);
      CAPTURE(bytes);
      char* const base = static_cast<char*>(pages.acquire(bytes, alignment));
      REQUIRE(base != nullptr);
      CHECK(is_aligned(base, alignment));
      CHECK(support::holds_only(base, 16 * KiB, 0));
      base[0] = base[bytes - 1] = 1;
      CHECK(pages.release(base, bytes));
      CHECK_FALSE(is_mapped(base));
      CHECK_FALSE(is_mapped(base + bytes - 4 * KiB));
    }
  }
}

TEST_CASE("nothing stays mapped around an aligned acquisition") {
  Pages pages;
  // Every second slot stays free, so that the memory around is known.
  char* const base = static_cast<char*>(pages.acquire(16 * KiB, 1 * GiB));
  REQUIRE(base != nullptr);
  CHECK(is_mapped(base));
  CHECK_FALSE(is_mapped(base + 16 * KiB));
  CHECK_FALSE(is_mapped(base - 4 * KiB));
  CHECK(pages.release(base, 16 * KiB));
}

TEST_CASE("what cannot be acquired is null, and the last error stays") {
  const support::NothingLarge nothing_large;
  Pages pages;
  set_last_error(untouched);
  CHECK(pages.acquire(SIZE_MAX / 2 & ~(16 * KiB - 1), 16 * KiB) == nullptr);
  CHECK(pages.acquire(SIZE_MAX & ~(16 * KiB - 1), 16 * KiB) == nullptr);
  CHECK(pages.acquire(16 * KiB, SIZE_MAX / 2 + 1) == nullptr);
  CHECK(pages.acquire(SIZE_MAX / 2 + 1, SIZE_MAX / 2 + 1) == nullptr);
  CHECK(last_error() == untouched);
}

TEST_CASE("a release that fails says so, and the last error stays") {
  Pages pages;
  char* const base = static_cast<char*>(pages.acquire(64 * KiB, 16 * KiB));
  REQUIRE(base != nullptr);
  set_last_error(untouched);
  CHECK_FALSE(pages.release(base + 1, 64 * KiB));
  CHECK(last_error() == untouched);
  CHECK(is_mapped(base));
  CHECK(pages.release(base, 64 * KiB));
}

TEST_CASE("discarded pages are zero and stay where they are") {
  Pages pages;
  char* const base = static_cast<char*>(pages.acquire(256 * KiB, 16 * KiB));
  REQUIRE(base != nullptr);
  support::fill(base, 256 * KiB, 0xff);
  CHECK(pages.discard(base + 64 * KiB, 128 * KiB));
  CHECK(support::holds_only(base, 64 * KiB, 0xff));
  CHECK(support::holds_only(base + 64 * KiB, 128 * KiB, 0));
  CHECK(support::holds_only(base + 192 * KiB, 64 * KiB, 0xff));
  set_last_error(untouched);
  CHECK_FALSE(pages.discard(base + 1, 16 * KiB));
  CHECK(last_error() == untouched);
  CHECK(pages.release(base, 256 * KiB));
}

TEST_CASE("pages are accepted that are multiples of the kernel's, and no others") {
  Pages pages;
  const size_t kernel_page = support::page_of_system();
  set_last_error(untouched);
  CHECK(pages.accepts_page(kernel_page));
  CHECK(pages.accepts_page(4 * kernel_page));
  CHECK_FALSE(pages.accepts_page(kernel_page / 2));
  CHECK_FALSE(pages.accepts_page(kernel_page / 4));
  CHECK(last_error() == untouched);
}

TEST_CASE("a heap stands on the platform") {
  static constinit Heap<OverPlatform> heap;
  void* const small = heap.allocate(100);
  void* const large = heap.allocate(20 * MiB);
  REQUIRE((small != nullptr && large != nullptr));
  support::fill(small, 100, 1);
  support::fill(large, 20 * MiB, 2);
  CHECK(inspect(heap).check() == nullptr);
  const bool pages_move = support::moves_leave_memory();
  if (!pages_move) MESSAGE("this emulator loses what pages leave when they move: nothing grows");
  void* const grown = pages_move ? heap.reallocate(large, 64 * MiB) : large;
  REQUIRE(grown != nullptr);
  CHECK(support::holds_only(grown, 20 * MiB, 2));
  heap.deallocate(grown);
  heap.deallocate(small);
  heap.trim();
  CHECK(inspect(heap).stats().acquired_bytes == 0);
  CHECK(inspect(heap).check() == nullptr);
}

TEST_CASE("a region that is no memory of the platform's is zeroed by calloc after a trim, too") {
  // Initialised data: what drops its contents brings the file's back, not zeroes.
  alignas(4096) static char region[256 * KiB] = {1};
  support::fill(region, sizeof region, 0xff);
  static constinit Heap<OverPlatform> heap;
  REQUIRE(heap.add_region(region, sizeof region) != 0);
  for (int i = 0; i < 2; i++) {
    // All of the region, but for what alignment costs.
    void* const block = heap.allocate_zeroed(sizeof region - 32 * KiB);
    REQUIRE(block != nullptr);
    CHECK(bytes_from(region, block) < sizeof region);
    CHECK(support::holds_only(block, sizeof region - 32 * KiB, 0));
    support::fill(block, sizeof region - 32 * KiB, 0xff);
    heap.deallocate(block);
    heap.trim();
  }
  CHECK(inspect(heap).check() == nullptr);
}

TEST_CASE("a heap whose page is smaller than the kernel's refuses to start") {
  if (support::page_of_system() <= 1024) return;
  static constinit Heap<TooSmall> heap;
  CHECK(support::fault_of([] { support::drop(heap.allocate(16)); }) ==
        static_cast<int>(Fault::page_size_too_small));
}

TEST_CASE("the platform's lock can be taken and given back") {
  platform::Lock lock;
  for (int i = 0; i < 3; i++) {
    lock.lock();
    lock.unlock();
  }
}

TEST_CASE("with full, the descriptors of pages lie between pages that cannot be touched") {
  static Opened heap;
  char* const block = static_cast<char*>(heap.allocate(100));
  REQUIRE(block != nullptr);
  constexpr size_t page = Opened::page;
  Span* const own = heap.descriptor(block);
  REQUIRE(own != nullptr);

  // All descriptors that lie in one piece with the block's: those of 2^bits pages around it.
  Span* first = own;
  Span* last = own;
  for (unsigned bits = 1; bits <= Distrustful::options.radix_leaf_bits; bits++) {
    const size_t before = bytes_into(block, page << bits) / page;
    const size_t behind = (size_t{1} << bits) - before - 1;
    const char* const in_own_page = block - bytes_into(block, page);
    if (heap.descriptor(in_own_page - before * page) != own - before) break;
    if (heap.descriptor(in_own_page + behind * page) != own + behind) break;
    first = own - before;
    last = own + behind;
  }
  REQUIRE(first != last);
  CHECK(support::is_accessible(first));
  CHECK(support::is_accessible(reinterpret_cast<const char*>(last + 1) - 1));

  const char* const begin = reinterpret_cast<char*>(first);
  CHECK_FALSE(support::is_accessible(begin - 1));
  CHECK_FALSE(support::is_accessible(begin - page));
  // Behind them are other parts of the node.
  const char* end = align_up(last + 1, page);
  for (int pages = 0; pages < 64 && support::is_accessible(end); pages++) end += page;
  CHECK_FALSE(support::is_accessible(end));
  CHECK_FALSE(support::is_accessible(end + page - 1));
  CHECK(inspect(heap).check() == nullptr);
  heap.deallocate(block);
}
