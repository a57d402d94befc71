// SPDX-License-Identifier: MIT OR Apache-2.0
// In the shared library: operator delete that is told a size, which must be the block's. See
// next_operator.hpp.
#include <stdlib.h>

#include "next_operator.hpp"

namespace {

using rsb::instance;
using rsb::platform::asked_for;
using rsb::platform::NextOperator;
using rsb::platform::operators_are_the_librarys;

using SizedDelete = void(void* block, size_t size);
using AlignedDelete = void(void* block, size_t size, size_t alignment);

constinit NextOperator<SizedDelete> next_delete{"_ZdlPv" RSB_SIZE};
constinit NextOperator<SizedDelete> next_delete_array{"_ZdaPv" RSB_SIZE};
constinit NextOperator<AlignedDelete> next_aligned{"_ZdlPv" RSB_SIZE RSB_ALIGNMENT};
constinit NextOperator<AlignedDelete> next_aligned_array{"_ZdaPv" RSB_SIZE RSB_ALIGNMENT};

[[gnu::constructor(101)]] void start() {
  next_delete.look_up();
  next_delete_array.look_up();
  next_aligned.look_up();
  next_aligned_array.look_up();
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
void check(Heap& heap, const void* block, size_t size, size_t alignment) noexcept {
  if constexpr (requires { heap.may_have_size(block, size, alignment); }) {
    if (!rsb::is_power_of_two(alignment)) return;
    const size_t as_made = rsb::larger(alignment, sizeof(void*));
    if (heap.may_have_size(block, asked_for(size, alignment), as_made)) [[likely]]
      return;
    if (heap.may_have_size(block, asked_for(size), as_made)) return;  // not every library rounds up
    if (operators_are_the_librarys()) heap.expect_size(block, asked_for(size), as_made);
  }
}

template <class Function, class... Sizes>
void release(NextOperator<Function>& next, void* block, Sizes... sizes) noexcept {
  if (block == nullptr) return;
  check(instance, block, sizes...);
  if (Function* const go = next.get()) return go(block, sizes...);
  free(block);
}

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

void rsb_operator_delete(void* block, size_t size) noexcept {
  release(next_delete, block, size);
}
void rsb_operator_delete_array(void* block, size_t size) noexcept {
  release(next_delete_array, block, size);
}
void rsb_operator_delete_aligned(void* block, size_t size, size_t alignment) noexcept {
  release(next_aligned, block, size, alignment);
}
void rsb_operator_delete_array_aligned(void* block, size_t size, size_t alignment) noexcept {
  release(next_aligned_array, block, size, alignment);
}

}  // extern "C"
#pragma GCC visibility pop

RSB_EXPORTED_AS(delete, "_ZdlPv" RSB_SIZE, "CXXABI_1.3.9");
RSB_EXPORTED_AS(delete_array, "_ZdaPv" RSB_SIZE, "CXXABI_1.3.9");
RSB_EXPORTED_AS(delete_aligned, "_ZdlPv" RSB_SIZE RSB_ALIGNMENT, "CXXABI_1.3.11");
RSB_EXPORTED_AS(delete_array_aligned, "_ZdaPv" RSB_SIZE RSB_ALIGNMENT, "CXXABI_1.3.11");
