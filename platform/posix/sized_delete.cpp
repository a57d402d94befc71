// SPDX-License-Identifier: MIT OR Apache-2.0
// In the shared library: operator delete that is told a size, which must be the block's. See
// next_operator.hpp.
#include "next_operator.hpp"

namespace {

using rsb::instance;
using rsb::platform::Alignment;
using rsb::platform::asked_for;
using rsb::platform::NextOperators;
using rsb::platform::operators_are_the_librarys;

enum Which : size_t { object, array, aligned_object, aligned_array };
constinit NextOperators next({"_ZdlPv" RSB_SIZE, "_ZdaPv" RSB_SIZE, "_ZdlPv" RSB_SIZE RSB_ALIGNMENT,
                              "_ZdaPv" RSB_SIZE RSB_ALIGNMENT});

[[gnu::constructor(101)]] void start() {
  next.look_up();
}

// Templates, so that what the heap does not have is not compiled.
template <class Heap>
void check(Heap& heap, const void* block, size_t size) noexcept {
  if constexpr (requires { heap.may_have_size(block, size); }) {
    if (heap.may_have_size(block, asked_for(size))) [[likely]]
      return;
    if (operators_are_the_librarys()) heap.expect_size(block, asked_for(size));
  }
}

template <class Heap>
void check(Heap& heap, const void* block, size_t size, Alignment its) noexcept {
  if constexpr (requires { heap.may_have_size(block, size, size); }) {
    const auto alignment = static_cast<size_t>(its);
    if (!rsb::is_power_of_two(alignment)) return;
    const size_t as_made = rsb::larger(alignment, sizeof(void*));
    if (heap.may_have_size(block, asked_for(size, alignment), as_made)) [[likely]]
      return;
    if (heap.may_have_size(block, asked_for(size), as_made)) return;  // not every library rounds up
    if (operators_are_the_librarys()) heap.expect_size(block, asked_for(size), as_made);
  }
}

template <class... Sizes>
void release(Which which, void* block, Sizes... sizes) noexcept {
  if (block == nullptr) return;
  check(instance, block, sizes...);
  next.release(which, block, sizes...);
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

void rsb_operator_delete(void* block, size_t size) noexcept {
  release(object, block, size);
}
void rsb_operator_delete_array(void* block, size_t size) noexcept {
  release(array, block, size);
}
void rsb_operator_delete_aligned(void* block, size_t size, Alignment alignment) noexcept {
  release(aligned_object, block, size, alignment);
}
void rsb_operator_delete_array_aligned(void* block, size_t size, Alignment alignment) noexcept {
  release(aligned_array, block, size, alignment);
}

}  // extern "C"
#pragma GCC visibility pop

RSB_EXPORTED_AS(delete, "_ZdlPv" RSB_SIZE, "CXXABI_1.3.9");
RSB_EXPORTED_AS(delete_array, "_ZdaPv" RSB_SIZE, "CXXABI_1.3.9");
RSB_EXPORTED_AS(delete_aligned, "_ZdlPv" RSB_SIZE RSB_ALIGNMENT, "CXXABI_1.3.11");
RSB_EXPORTED_AS(delete_array_aligned, "_ZdaPv" RSB_SIZE RSB_ALIGNMENT, "CXXABI_1.3.11");
