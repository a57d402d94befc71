// SPDX-License-Identifier: MIT OR Apache-2.0
// In the shared library, with Checks::full: operators new that mark what the C++ library's have
// made, and operators delete that look for the mark, and for the size. See next_operator.hpp.
//
// The C++ library's plain delete calls free(): just before, a block becomes malloc's again. All
// others end in that one, by name, and so here: sized delete leaves the mark as it is, delete[]
// turns it into that of new, as new[] has made it the other way round.
//
// Where a library that a program in C has opened replaces operators for itself, the C++ library's
// would call these by name, and not that library's: so those are called from here.
//
// A release in another way than a block was made is named only if both who has made the block and
// who releases it call operators of other objects: so they have none inside. Blocks of a library
// that has the C++ library inside may be released elsewhere, and the reverse, and both ends know
// nothing of it.
#include "next_operator.hpp"

namespace {

using rsb::Fault;
using rsb::instance;
using rsb::Made;
using rsb::platform::Alignment;
using rsb::platform::asked_for;
using rsb::platform::imports_operators;
using rsb::platform::is_told;
using rsb::platform::loaded_objects;
using rsb::platform::NextOperators;
using rsb::platform::Nothrow;
using rsb::platform::operators_are_the_librarys;
using rsb::platform::told;

enum Which : size_t {
  new_object,
  new_array,
  new_aligned,
  new_array_aligned,
  new_nothrow,
  new_array_nothrow,
  new_aligned_nothrow,
  new_array_aligned_nothrow,
  delete_object,
  delete_array,
  delete_aligned,
  delete_array_aligned,
  delete_sized,
  delete_array_sized,
  delete_sized_aligned,
  delete_array_sized_aligned,
};
constinit NextOperators next({
    "_Znw" RSB_SIZE,
    "_Zna" RSB_SIZE,
    "_Znw" RSB_SIZE RSB_ALIGNMENT,
    "_Zna" RSB_SIZE RSB_ALIGNMENT,
    "_Znw" RSB_SIZE RSB_NOTHROW,
    "_Zna" RSB_SIZE RSB_NOTHROW,
    "_Znw" RSB_SIZE RSB_ALIGNMENT RSB_NOTHROW,
    "_Zna" RSB_SIZE RSB_ALIGNMENT RSB_NOTHROW,
    "_ZdlPv",
    "_ZdaPv",
    "_ZdlPv" RSB_ALIGNMENT,
    "_ZdaPv" RSB_ALIGNMENT,
    "_ZdlPv" RSB_SIZE,
    "_ZdaPv" RSB_SIZE,
    "_ZdlPv" RSB_SIZE RSB_ALIGNMENT,
    "_ZdaPv" RSB_SIZE RSB_ALIGNMENT,
});

[[maybe_unused]] bool may_name(const void* made_by, const void* released_by) noexcept {
  return imports_operators(made_by) && imports_operators(released_by) &&
         operators_are_the_librarys();
}

template <class Heap>
void set_judge(Heap& heap) noexcept {
  if constexpr (Heap::tells_makers) heap.set_mismatch_judge(may_name);
}

[[gnu::constructor(101)]] void start() {
  set_judge(instance);
  next.look_up();
}

// ---- Marking ----

// A block that is just of this size: what somebody else's operator has made, of a pool of its own,
// is not. By new: made by new within new[], or without exceptions.
template <class Heap>
void* marked(Heap& heap, void* block, Made made, size_t size, const void* caller) noexcept {
  if constexpr (Heap::tells_makers) {
    const auto making = heap.making_of(block);
    if (making.is_live && making.size == size && making.made != Made::by_new_array) {
      heap.note_making(block, made, caller);
    }
  }
  return block;
}

// The plain operator that the caller has replaced for itself and for nobody else; null: none.
template <class Plain>
Plain* replaced(const char* name, const void* caller) noexcept {
  if (!next.are_private()) [[likely]]
    return nullptr;
  static constinit size_t looked_at = 0;  // when there was none
  const size_t now = loaded_objects();
  if (rsb::load_relaxed(&looked_at) == now) return nullptr;
  if (rsb::platform::only_cplusplus_library_has_operators()) {
    rsb::store_relaxed(&looked_at, now);
    return nullptr;
  }
  return reinterpret_cast<Plain*>(rsb::platform::find_replaced(name, caller));
}

// Not noexcept: the next operator may throw, and so do those that call this.
template <class... Rest>
[[gnu::always_inline]] inline void* make(Which which, Made made, size_t size, Rest... rest) {
  const void* const caller = __builtin_return_address(0);
  set_judge(instance);
  void* block;
  size_t asked;
  auto* const go = next.get<void*(size_t, Rest...)>(which);
  if constexpr (is_told<Alignment, Rest...>) {
    const size_t alignment = told<Alignment>(rest...);
    if (auto* const own = replaced<void*(size_t, size_t)>("_Znw" RSB_SIZE RSB_ALIGNMENT, caller))
      return own(size, alignment);
    asked = asked_for(size, alignment);
    block = go != nullptr ? go(size, rest...) : aligned_alloc(alignment, asked);
  } else {
    if (auto* const own = replaced<void*(size_t)>("_Znw" RSB_SIZE, caller)) return own(size);
    asked = asked_for(size);
    block = go != nullptr ? go(size, rest...) : malloc(asked);
  }
  return marked(instance, block, made, asked, caller);
}

// ---- Releasing ----

// Two sizes that may be the block's; 0: nothing is known of it.
struct Sizes {
  size_t size = 0, rounded = 0;
  bool allow(size_t its_size) const noexcept {
    return size == 0 || its_size == size || its_size == rounded;
  }
};
template <class... Rest>
Sizes sizes(Rest... rest) noexcept {
  if constexpr (!is_told<size_t, Rest...>) return {};
  const size_t size = told<size_t>(rest...), alignment = told<Alignment>(rest...);
  return {asked_for(size), asked_for(size, rsb::is_power_of_two(alignment) ? alignment : 1)};
}

// `handed_on`: what the next operator is to find.
template <class Heap>
void check(Heap& heap, void* block, Made made, Made handed_on, Sizes expected,
           const void* caller) noexcept {
  if constexpr (Heap::tells_makers) {
    const auto making = heap.making_of(block);
    if (!making.is_live) return;  // free() says what it is
    const bool is_as_made = making.made == made;
    if (!is_as_made || !expected.allow(making.size)) [[unlikely]] {
      if (may_name(making.caller, caller)) {
        rsb::raise(is_as_made ? Fault::size_mismatch : Fault::mismatched_release, block);
      }
    }
    if (making.made != handed_on) heap.note_making(block, handed_on, making.caller);
  }
}

template <class... Rest>
[[gnu::always_inline]] inline void release(Which which, Made made, Made handed_on, void* block,
                                           Rest... rest) noexcept {
  if (block == nullptr) return;
  const void* const caller = __builtin_return_address(0);
  if constexpr (is_told<Alignment, Rest...>) {
    if (auto* const own = replaced<void(void*, size_t)>("_ZdlPv" RSB_ALIGNMENT, caller))
      return own(block, told<Alignment>(rest...));
  } else {
    if (auto* const own = replaced<void(void*)>("_ZdlPv", caller)) return own(block);
  }
  check(instance, block, made, handed_on, sizes(rest...), caller);
  next.release(which, block, rest...);
}

constexpr Made object = Made::by_new, array = Made::by_new_array, nobody = Made::by_allocate;

}  // namespace

#pragma GCC visibility push(default)
extern "C" {

void* rsb_operator_new(size_t n) {
  return make(new_object, object, n);
}
void* rsb_operator_new_array(size_t n) {
  return make(new_array, array, n);
}
void* rsb_operator_new_aligned(size_t n, Alignment a) {
  return make(new_aligned, object, n, a);
}
void* rsb_operator_new_array_aligned(size_t n, Alignment a) {
  return make(new_array_aligned, array, n, a);
}
void* rsb_operator_new_nothrow(size_t n, Nothrow nothrow) noexcept {
  return make(new_nothrow, object, n, nothrow);
}
void* rsb_operator_new_array_nothrow(size_t n, Nothrow nothrow) noexcept {
  return make(new_array_nothrow, array, n, nothrow);
}
void* rsb_operator_new_aligned_nothrow(size_t n, Alignment a, Nothrow nothrow) noexcept {
  return make(new_aligned_nothrow, object, n, a, nothrow);
}
void* rsb_operator_new_array_aligned_nothrow(size_t n, Alignment a, Nothrow nothrow) noexcept {
  return make(new_array_aligned_nothrow, array, n, a, nothrow);
}

void rsb_operator_delete(void* p) noexcept {
  release(delete_object, object, nobody, p);
}
void rsb_operator_delete_array(void* p) noexcept {
  release(delete_array, array, object, p);
}
void rsb_operator_delete_aligned(void* p, Alignment a) noexcept {
  release(delete_aligned, object, nobody, p, a);
}
void rsb_operator_delete_array_aligned(void* p, Alignment a) noexcept {
  release(delete_array_aligned, array, object, p, a);
}
void rsb_operator_delete_sized(void* p, size_t n) noexcept {
  release(delete_sized, object, object, p, n);
}
void rsb_operator_delete_array_sized(void* p, size_t n) noexcept {
  release(delete_array_sized, array, array, p, n);
}
void rsb_operator_delete_sized_aligned(void* p, size_t n, Alignment a) noexcept {
  release(delete_sized_aligned, object, object, p, n, a);
}
void rsb_operator_delete_array_sized_aligned(void* p, size_t n, Alignment a) noexcept {
  release(delete_array_sized_aligned, array, array, p, n, a);
}

}  // extern "C"
#pragma GCC visibility pop

RSB_EXPORTED_AS(new, "_Znw" RSB_SIZE, "GLIBCXX_3.4");
RSB_EXPORTED_AS(new_array, "_Zna" RSB_SIZE, "GLIBCXX_3.4");
RSB_EXPORTED_AS(new_aligned, "_Znw" RSB_SIZE RSB_ALIGNMENT, "CXXABI_1.3.11");
RSB_EXPORTED_AS(new_array_aligned, "_Zna" RSB_SIZE RSB_ALIGNMENT, "CXXABI_1.3.11");
RSB_EXPORTED_AS(new_nothrow, "_Znw" RSB_SIZE RSB_NOTHROW, "GLIBCXX_3.4");
RSB_EXPORTED_AS(new_array_nothrow, "_Zna" RSB_SIZE RSB_NOTHROW, "GLIBCXX_3.4");
RSB_EXPORTED_AS(new_aligned_nothrow, "_Znw" RSB_SIZE RSB_ALIGNMENT RSB_NOTHROW, "CXXABI_1.3.11");
RSB_EXPORTED_AS(new_array_aligned_nothrow, "_Zna" RSB_SIZE RSB_ALIGNMENT RSB_NOTHROW,
                "CXXABI_1.3.11");

RSB_EXPORTED_AS(delete, "_ZdlPv", "GLIBCXX_3.4");
RSB_EXPORTED_AS(delete_array, "_ZdaPv", "GLIBCXX_3.4");
RSB_EXPORTED_AS(delete_aligned, "_ZdlPv" RSB_ALIGNMENT, "CXXABI_1.3.11");
RSB_EXPORTED_AS(delete_array_aligned, "_ZdaPv" RSB_ALIGNMENT, "CXXABI_1.3.11");
RSB_EXPORTED_AS(delete_sized, "_ZdlPv" RSB_SIZE, "CXXABI_1.3.9");
RSB_EXPORTED_AS(delete_array_sized, "_ZdaPv" RSB_SIZE, "CXXABI_1.3.9");
RSB_EXPORTED_AS(delete_sized_aligned, "_ZdlPv" RSB_SIZE RSB_ALIGNMENT, "CXXABI_1.3.11");
RSB_EXPORTED_AS(delete_array_sized_aligned, "_ZdaPv" RSB_SIZE RSB_ALIGNMENT, "CXXABI_1.3.11");
