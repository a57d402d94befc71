// SPDX-License-Identifier: MIT OR Apache-2.0
// In the shared library: operators new and delete that stand before the C++ library's, look at the
// block, and call what would have been called without them.
//
// Theory of operation. To make blocks stays the matter of the C++ library, whose new can throw; it
// calls malloc(). What it does by name it goes on doing by name: who has replaced plain delete, but
// not the sized one, gets the block, as without this library.
//
// The dynamic linker takes the operators here, by the version of their names, only for calls that
// were linked to GNU's C++ library: neither for those of operators that an object has itself, nor
// of another C++ library. But what they are given may all the same be from a pool of the program's,
// or from an operator new that asks malloc() for more than was asked of it. So where any object,
// the program or a library, exports one of the operators that may be replaced, nothing is named.
// That is looked at when something seems to be wrong, and not before.
//
// Shortcomings. Not seen is an object that has replaced operators without exporting them, whose
// blocks others release. Nothing is checked of those that have the C++ library inside
// (-static-libstdc++), nor of libraries opened with RTLD_DEEPBIND, which do not get here; nor with
// musl, whose dynamic linker does not take such versions.
#pragma once

#include <dlfcn.h>
#include <stdlib.h>

#include "instance.hpp"
#include "loaded_objects.hpp"

// In a name, as C++ mangles it.
#if __SIZEOF_SIZE_T__ == 8
#define RSB_SIZE "m"
#else
#define RSB_SIZE "j"
#endif
#define RSB_ALIGNMENT "St11align_val_t"
#define RSB_NOTHROW "RKSt9nothrow_t"

// By a version that is not the default one, so that nobody is linked to it who was not linked to
// the C++ library.
#define RSB_EXPORTED_AS(function, name, version) \
  __asm__(".symver rsb_operator_" #function "," name "@" version)

namespace rsb::platform {

// What operators are told: by C++ a size is a size_t, an alignment a type of its own, and nobody
// looks at std::nothrow.
enum class Alignment : size_t {};
using Nothrow = const void*;

template <class Wanted, class... Arguments>
inline constexpr bool is_told = (SameAs<Wanted, Arguments> || ...);

// Of all that an operator is told what is of this type; 0: none.
template <class Wanted>
constexpr size_t told() noexcept {
  return 0;
}
template <class Wanted, class First, class... Rest>
constexpr size_t told([[maybe_unused]] First first, Rest... rest) noexcept {
  if constexpr (SameAs<Wanted, First>) return static_cast<size_t>(first);
  if constexpr (!SameAs<Wanted, First>) return told<Wanted>(rest...);
}

// The operators that stand behind these, by their places in a list of names: the next in the order
// of look-up, or if the C++ library is not visible to all (it came with a library that a program of
// C has opened) its own.
template <size_t count>
class NextOperators {
 public:
  constexpr explicit NextOperators(const char* const (&names)[count]) noexcept {
    for (size_t i = 0; i < count; i++) names_[i] = names[i];
  }

  // At the start, for this waits for whoever loads a library, and runs its constructors.
  [[gnu::cold]] void look_up() noexcept {
    if (load_relaxed(&has_looked_up_)) return;
    store_relaxed(&has_looked_up_, true);
    void* theirs[count];
    find_in_cplusplus_library(names_, theirs, count);
    for (size_t i = 0; i < count; i++) {
      // Where there is none, dlsym() allocates what to say of that, at the start of any program in
      // C.
      if (theirs[i] != nullptr) store_relaxed(&found_[i], dlsym(RTLD_NEXT, names_[i]));
    }
  }

  // Whether they are those of a C++ library that is not visible to all.
  bool are_private() noexcept {
    find_any();
    return load_relaxed(&are_private_);
  }

  // Null: there is none.
  template <class Function>
  Function* get(size_t which) noexcept {
    find_any();
    return reinterpret_cast<Function*>(load_relaxed(&found_[which]));
  }

  template <class... Rest>
  void release(size_t which, void* block, Rest... rest) noexcept {
    if (auto* const go = get<void(void*, Rest...)>(which)) return go(block, rest...);
    free(block);
  }

 private:
  // The first is in every C++ library that has one of the others.
  void find_any() noexcept {
    if (load_relaxed(&found_[0]) == nullptr) [[unlikely]]
      find_later();
  }

  [[gnu::cold, gnu::noinline]] void find_later() noexcept {
    look_up();  // constructors of other libraries may run before this one's
    if (load_relaxed(&found_[0]) != nullptr) return;
    void* theirs[count];
    find_in_cplusplus_library(names_, theirs, count);
    store_relaxed(&are_private_, true);
    for (size_t i = count; i-- != 0;) store_relaxed(&found_[i], theirs[i]);
  }

  const char* names_[count] = {};
  void* found_[count] = {};
  bool has_looked_up_ = false;
  bool are_private_ = false;
};

// Whether what the operators return is malloc's, of the size that they were asked for, so far as
// can be known. Once it was not it stays so: what was made then may be released at any time.
[[gnu::cold]] inline bool operators_are_the_librarys() noexcept {
  static constinit bool are_not = false;
  if (load_relaxed(&are_not)) return false;
  if (only_cplusplus_library_has_operators()) return true;
  store_relaxed(&are_not, true);
  return false;
}

// What the C++ library asks malloc() for, and aligned_alloc(), which is to be asked for a multiple.
constexpr size_t asked_for(size_t size, size_t alignment = 1) noexcept {
  return (larger(size, 1) + alignment - 1) & ~(alignment - 1);
}

}  // namespace rsb::platform
