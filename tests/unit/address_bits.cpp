// SPDX-License-Identifier: MIT OR Apache-2.0
// Options::address_bits: which addresses a radix map tells apart. Nothing is behind the addresses
// of pages here, and nobody touches them.
#include "rsb/inspector.hpp"

#include "support/test.hpp"
#include "support/worlds.hpp"

using namespace rsb;

namespace {

constexpr int bad_pages = static_cast<int>(Fault::bad_pages);

char* address(uint64_t a) {
  return reinterpret_cast<char*>(static_cast<uintptr_t>(a));
}

// Pages are where the test says, a multiple of two; the map's nodes come from the arena.
template <size_t page>
struct PlacedPages {
  static constexpr bool trusted = true;

  void* acquire(size_t bytes, size_t alignment) noexcept {
    if (alignment != page || bytes > support::arena_bytes) return next;
    char* const node = align_up(support::arena + used, page);
    used = bytes_from(support::arena, node) + bytes;
    return used <= support::arena_bytes ? node : nullptr;
  }
  bool release(void*, size_t) noexcept { return true; }

  void* next = nullptr;
  size_t used = 0;
};

template <size_t page, unsigned bits, unsigned leaf, unsigned inner>
struct Placed {
  using Pages = PlacedPages<page>;
  using Lock = NoLock;
  static constexpr Options options{.page_size = page,
                                   .span_size = page,
                                   .acquire_size = 4 * page,
                                   .acquire_alignment = 2 * page,
                                   .discard_size = page,
                                   .address_bits = bits,
                                   .radix_leaf_bits = leaf,
                                   .radix_inner_bits = inner};
};

using Small = Placed<1 * KiB, 20, 4, 0>;
using SmallInner = Placed<1 * KiB, 20, 2, 4>;

// Four pages from there.
template <class H>
void* take_at(H& heap, void* base) {
  heap.pages().source().next = base;
  return heap.pages().allocate(4, 2 * H::page);
}

}  // namespace

TEST_CASE_TEMPLATE("pages that differ from the first ones above address_bits are a fault", C, Small,
                   SmallInner) {
  for (const uint64_t other : {0x0010'0000u, 0x0030'0000u, 0x8020'0000u, 0x0011'0000u}) {
    CAPTURE(other);
    Heap<C> heap;
    void* const first = take_at(heap, address(0x0020'0000));
    REQUIRE(first == address(0x0020'0000));
    CHECK(support::fault_of([&] { take_at(heap, address(other)); }) == bad_pages);
    CHECK(support::fault_address() == address(other));
    CHECK(inspect(heap).check() == nullptr);
    CHECK(take_at(heap, address(0x002f'0000)) == address(0x002f'0000));
    heap.pages().deallocate(first);
    CHECK(inspect(heap).check() == nullptr);
  }
}

TEST_CASE_TEMPLATE("so are pages that reach beyond", C, Small, SmallInner) {
  Heap<C> heap;
  REQUIRE(take_at(heap, address(0x0020'0000)) != nullptr);
  CHECK(support::fault_of([&] { take_at(heap, address(0x002f'f800)); }) == bad_pages);
  CHECK(support::fault_of([&] { take_at(heap, address(0x001f'f800)); }) == bad_pages);
  Heap<C> other;
  CHECK(support::fault_of([&] { take_at(other, address(0x002f'f800)); }) == bad_pages);
}

TEST_CASE_TEMPLATE("so are regions", C, Small, SmallInner) {
  Heap<C> heap;
  CHECK(heap.add_region(address(0x0020'0000), 4 * KiB) == 4 * KiB);
  CHECK(support::fault_of([&] { heap.add_region(address(0x0030'0000), 4 * KiB); }) == bad_pages);
  CHECK(support::fault_of([&] { heap.add_region(address(0x0031'0000), 4 * KiB); }) == bad_pages);
  CHECK(take_at(heap, nullptr) == address(0x0020'0000));
  CHECK(support::fault_of([&] { take_at(heap, address(0x0030'0000)); }) == bad_pages);
  CHECK(heap.add_region(address(0x0021'0000), 4 * KiB) == 4 * KiB);
  CHECK(inspect(heap).check() == nullptr);
}

TEST_CASE("a request for more than address_bits tells apart is not met") {
  Heap<Small> heap;
  REQUIRE(take_at(heap, address(0x0020'0000)) != nullptr);
  CHECK(heap.allocate(1 * MiB) == nullptr);
  CHECK(heap.allocate(1 * GiB) == nullptr);
}

namespace {

// The arena is all that so few bits tell apart, and looks as if it began at 0.
constexpr Options arena_is_all{.page_size = 1 * KiB,
                               .span_size = 1 * KiB,
                               .acquire_size = 4 * KiB,
                               .acquire_alignment = 1 * KiB,
                               .discard_size = 1 * KiB,
                               .address_bits = 18,
                               .radix_leaf_bits = 4,
                               .radix_inner_bits = 0};
struct ArenaIsAll : support::Configuration<arena_is_all> {};
struct Unchecked : support::Configuration<support::with_checks(arena_is_all, Checks::off)> {};
static_assert(support::arena_bytes == size_t{1} << 18);

}  // namespace

TEST_CASE_TEMPLATE("null and what differs above address_bits is nobody's, wherever the pages are",
                   C, ArenaIsAll, Unchecked) {
  Heap<C> heap;
  heap.pages().source().serve_from(support::arena + 64 * KiB, 16 * KiB);
  void* const first = heap.allocate(1 * KiB, 1 * KiB);
  heap.pages().source().serve_from(support::arena, 16 * KiB);
  while (heap.allocate(16) != support::arena) {
    REQUIRE(inspect(heap).stats().failures == 0);
  }
  CHECK(heap.may_own(first));
  CHECK(heap.may_own(support::arena));
  CHECK_FALSE(heap.may_own(nullptr));
  heap.deallocate(nullptr);
  heap.deallocate(nullptr, 16);
  heap.deallocate(nullptr, 16, 16);
  heap.deallocate_nowait(nullptr);
  CHECK(heap.usable_size(nullptr) == 0);
  CHECK(inspect(heap).check() == nullptr);
  for (const size_t distance : {size_t{1} << 18, size_t{5} << 18, ~size_t{0} << 18}) {
    char* const other = rsb::address_behind(support::arena, distance);
    CAPTURE(other);
    CHECK_FALSE(heap.may_own(other));
    const int foreign = static_cast<int>(Fault::foreign_pointer);
    CHECK(support::fault_of([&] { heap.deallocate(other); }) == foreign);
    CHECK(support::fault_of([&] { heap.deallocate(other, 16); }) == foreign);
    CHECK(support::fault_of([&] { heap.usable_size(other); }) == foreign);
    CHECK(support::fault_of([&] { static_cast<void>(heap.reallocate(other, 100)); }) == foreign);
    CHECK(support::fault_of([&] { heap.deallocate_nowait(other); }) == foreign);
    CHECK(inspect(heap).check() == nullptr);
  }
  heap.deallocate(support::arena);
}

#if UINTPTR_MAX > UINT32_MAX

namespace {

using Kernel = Placed<4 * KiB, 48, 9, 12>;
using FewBits = Placed<4 * KiB, 35, 9, 0>;
using ManyBits = Placed<64 * KiB, 57, 9, 13>;

}  // namespace

TEST_CASE_TEMPLATE("all in the upper half of 48-bit or of 57-bit addresses are fine", C, Kernel,
                   FewBits, ManyBits) {
  constexpr uint64_t bases[] = {0xffff'8881'0000'0000, 0xffff'0000'4000'0000, 0xff13'c319'c000'0000,
                                0x00ff'c319'c000'0000, 0x4000'0000};
  for (const uint64_t base : bases) {
    CAPTURE(base);
    static Heap<C> heaps[5];
    static unsigned used = 0;
    Heap<C>& heap = heaps[used++];
    constexpr size_t step = 4 * C::options.page_size;
    char* runs[8];
    for (size_t i = 0; i < 8; i++) {
      runs[i] = static_cast<char*>(take_at(heap, address(base + i * step)));
      REQUIRE(runs[i] == address(base + i * step));
    }
    CHECK(inspect(heap).check() == nullptr);
    for (char* const run : runs) heap.pages().deallocate(run);
    CHECK(inspect(heap).check() == nullptr);
    CHECK(inspect(heap).stats().used_bytes == 0);
  }
}

TEST_CASE("57-bit addresses that differ above 48 bits need more than 48") {
  static Heap<Kernel> few;
  REQUIRE(take_at(few, address(0xff13'c319'c000'0000)) != nullptr);
  CHECK(support::fault_of([] { take_at(few, address(0xff14'c319'c000'0000)); }) == bad_pages);
  static Heap<ManyBits> enough;
  void* const first = take_at(enough, address(0xff13'c319'c000'0000));
  void* const second = take_at(enough, address(0xff13'c31a'c000'0000));
  CHECK(first == address(0xff13'c319'c000'0000));
  CHECK(second == address(0xff13'c31a'c000'0000));
  CHECK(inspect(enough).check() == nullptr);
}

#endif
