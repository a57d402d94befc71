// SPDX-License-Identifier: MIT OR Apache-2.0
// core/api/new.cpp: every replaceable operator new and delete, in a program that is linked with
// rsb::new. Hosted, because the program's C++ library lives on them too.
#include <new>

#include <string>
#include <vector>

#include "rsb/internal/machine/bits.hpp"
#include "rsb/rsb.h"
#include "support/test.hpp"
#include "support/virtual_memory.hpp"

using rsb::is_aligned;
using support::impossible;
using support::opaque;

namespace {

constexpr std::align_val_t wide{256};

// Whether the heap knows the block: who else would know its size?
bool is_ours(void* block, size_t size) {
  return support::fault_of([&] { support::drop(rsb_malloc_usable_size(block)); }) ==
             support::no_fault &&
         rsb_malloc_usable_size(block) >= size;
}

// What compilers rely on, at most: machines that need less do not get more from a small heap.
constexpr size_t new_alignment = __BIGGEST_ALIGNMENT__ < 16 ? 8 : 16;

}  // namespace

TEST_CASE("all forms of new allocate from the heap, and all forms of delete release") {
  void* p = operator new(100);
  CHECK(is_ours(p, 100));
  CHECK(is_aligned(opaque(p), new_alignment));
  operator delete(p);
  p = operator new[](100);
  CHECK(is_ours(p, 100));
  operator delete[](p);
  p = operator new(100, std::nothrow);
  CHECK(is_ours(p, 100));
  operator delete(p, std::nothrow);
  p = operator new[](100, std::nothrow);
  CHECK(is_ours(p, 100));
  operator delete[](p, std::nothrow);
  p = operator new(100);
  operator delete(p, 100);
  p = operator new[](100);
  operator delete[](p, 100);
  CHECK(rsb_check() == nullptr);
}

TEST_CASE("all aligned forms align") {
  void* p = operator new(100, wide);
  CHECK(is_ours(p, 100));
  CHECK(is_aligned(opaque(p), 256));
  operator delete(p, wide);
  p = operator new[](100, wide);
  CHECK(is_aligned(opaque(p), 256));
  operator delete[](p, wide);
  p = operator new(100, wide, std::nothrow);
  CHECK(is_aligned(opaque(p), 256));
  operator delete(p, wide, std::nothrow);
  p = operator new[](100, wide, std::nothrow);
  CHECK(is_aligned(opaque(p), 256));
  operator delete[](p, wide, std::nothrow);
  p = operator new(100, wide);
  operator delete(p, 100, wide);
  p = operator new[](100, wide);
  operator delete[](p, 100, wide);
  CHECK(rsb_check() == nullptr);
}

TEST_CASE("what plain new made is deleted as aligned to 16, and the other way round") {
  // Compilers disagree, on i686 and s390x, about which form is for a type with alignof 16.
  constexpr std::align_val_t sixteen{16};
  for (size_t size = 16; size <= 70'000; size += size < 20'000 ? 16 : 4'080) {
    CAPTURE(size);
    void* const plain = operator new(size);
    void* const aligned = operator new(size, sixteen);
    CHECK(is_aligned(opaque(plain), new_alignment));
    CHECK(support::fault_of([&] { operator delete(plain, size, sixteen); }) == support::no_fault);
    CHECK(support::fault_of([&] { operator delete(aligned, size); }) == support::no_fault);
    void* const some = operator new[](size);
    void* const aligned_ones = operator new[](size, sixteen);
    operator delete[](some, sixteen);
    operator delete[](aligned_ones);
  }
  CHECK(rsb_check() == nullptr);
}

TEST_CASE("new of 0 bytes gives unique pointers, and delete takes null") {
  void* const a = operator new(0);
  void* const b = operator new(0);
  CHECK(a != nullptr);
  CHECK(a != b);
  operator delete(a);
  operator delete (b, size_t{0});
  operator delete(opaque<void*>(nullptr));
  operator delete[](opaque<void*>(nullptr));
  operator delete (opaque<void*>(nullptr), size_t{8});
  operator delete(opaque<void*>(nullptr), wide);
}

TEST_CASE("exhausted plain new is a fault, nothrow new gives null") {
  const support::NothingLarge nothing_large;
  if (!nothing_large.is_in_force()) {
    MESSAGE("nothing limits the address space in this emulator: only sizes above PTRDIFF_MAX");
  }
  const size_t too_much = nothing_large.is_in_force() ? impossible : SIZE_MAX / 2 + 1;
  const int out = RSB_OUT_OF_MEMORY;
  CHECK(support::fault_of([&] { support::drop(operator new(opaque(too_much))); }) == out);
  CHECK(support::fault_of([&] { support::drop(operator new[](opaque(too_much))); }) == out);
  CHECK(support::fault_of([&] { support::drop(operator new(opaque(too_much), wide)); }) == out);
  CHECK(support::fault_of([&] { support::drop(operator new[](opaque(too_much), wide)); }) == out);
  CHECK(operator new(opaque(too_much), std::nothrow) == nullptr);
  CHECK(operator new[](opaque(too_much), std::nothrow) == nullptr);
  CHECK(operator new(opaque(too_much), wide, std::nothrow) == nullptr);
  CHECK(operator new[](opaque(SIZE_MAX), wide, std::nothrow) == nullptr);
}

TEST_CASE("delete with the size of another class is a size mismatch") {
  void* const p = operator new(100);
  CHECK(support::fault_of([&] { operator delete (p, size_t{500}); }) == RSB_SIZE_MISMATCH);
  operator delete (p, size_t{100});
}

TEST_CASE("the C++ library lives on it") {
  std::vector<std::string> strings;
  for (size_t i = 0; i < 1'000; i++) strings.emplace_back(i, 'x');
  CHECK(is_ours(strings.data(), 1'000 * sizeof(std::string)));
  struct alignas(128) Wide {
    char bytes[128];
  };
  Wide* const wides = new Wide[5];
  CHECK(is_aligned(opaque(wides), 128));
  delete[] wides;
  CHECK(rsb_check() == nullptr);
}
