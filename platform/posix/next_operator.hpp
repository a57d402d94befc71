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

// The operator that stands behind one of these: the next in the order of look-up, or if the C++
// library is not visible to all (it came with a library that a program of C has opened) its own.
template <class Function>
class NextOperator {
 public:
  constexpr explicit NextOperator(const char* name) noexcept : name_(name) {}

  // At the start, for this waits for whoever loads a library, and runs its constructors.
  [[gnu::cold]] void look_up() noexcept {
    if (has_looked_up_) return;
    has_looked_up_ = true;
    // Where there is none, dlsym() allocates what to say of that, at the start of any program in C.
    if (find_in_cplusplus_library(name_) == nullptr) return;
    store_relaxed(&found_, reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name_)));
  }

  // Whether get() has found that of a C++ library that is not visible to all.
  bool is_private() const noexcept { return load_relaxed(&is_private_); }

  // Null: there is none.
  Function* get() noexcept {
    Function* const found = load_relaxed(&found_);
    return found != nullptr ? found : find();
  }

 private:
  [[gnu::cold, gnu::noinline]] Function* find() noexcept {
    look_up();  // constructors of other libraries may run before this one's
    Function* found = load_relaxed(&found_);
    if (found == nullptr) {
      found = reinterpret_cast<Function*>(find_in_cplusplus_library(name_));
      store_relaxed(&is_private_, true);
      store_relaxed(&found_, found);
    }
    return found;
  }

  const char* name_;
  Function* found_ = nullptr;
  bool has_looked_up_ = false;
  bool is_private_ = false;
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
constexpr size_t asked_for(size_t size) noexcept {
  return larger(size, 1);
}
constexpr size_t asked_for(size_t size, size_t alignment) noexcept {
  return (asked_for(size) + alignment - 1) & ~(alignment - 1);
}

}  // namespace rsb::platform
