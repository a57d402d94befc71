// SPDX-License-Identifier: MIT OR Apache-2.0
// How a heap tells tools that look on while a program runs, as AddressSanitizer and Valgrind do,
// which of its memory the program may touch: by a type of its configuration, with Checks::full.
//
//   struct Config {
//     using Lock = rsb::NoLock;
//     using Annotations = rsb::platform::Annotations;  // posix: rsb/platform_annotations.hpp
//     static constexpr rsb::SmallOptions options{.checks = rsb::Checks::full};
//   };
//
// A configuration without it has no code for this, nor data.
#pragma once

#include "rsb/internal/machine/bits.hpp"
#include "rsb/options.hpp"

namespace rsb {

// A block, and what of the heap's memory around it nobody else may touch: from `begin` to `end`.
struct AnnotatedBlock {
  char* begin;
  char* block;
  size_t size;
  char* end;

  char* block_end() const noexcept { return block + size; }
  size_t bytes() const noexcept { return bytes_from(begin, end); }
};

enum class Contents : uint8_t { undefined, zeroes };

// All are called without the heap's lock, perhaps by several threads at once, about different
// blocks; and by handlers, for what they allocate and release without waiting. None may call the
// heap.
//
// allocated(block, contents): the block is the program's, what is around it nobody's.
// resized(block, old_size): so it is still, but of another size, or with another end.
// released(block): all of it is nobody's. That it begins to wait, perhaps for no time at all.
// opened(base, bytes): the memory may be touched, by the heap, or by who gets it next.
// enter(), leave(): between them the calling thread is inside the heap, which looks at what is
//   nobody's. They nest. A fault is raised inside, and so are handlers and visitors called.
template <class A>
concept Annotates = requires(const AnnotatedBlock& block, char* base, size_t bytes) {
  { A::allocated(block, Contents::undefined) }
  noexcept;
  { A::resized(block, bytes) }
  noexcept;
  { A::released(block) }
  noexcept;
  { A::opened(base, bytes) }
  noexcept;
  { A::enter() }
  noexcept;
  { A::leave() }
  noexcept;
};

template <class C>
concept Annotated = requires {
  typename C::Annotations;
};

// A base of every heap's state.
template <class Config>
struct ValidAnnotations {};
template <Annotated Config>
struct ValidAnnotations<Config> {
  static_assert(Annotates<typename Config::Annotations>,
                "Annotations must have allocated, resized, released, opened, enter and leave, all "
                "static and noexcept: see annotations.hpp");
  static_assert(Config::options.checks == Checks::full ||
                    Config::options.checks == Checks::under_guards,
                "a configuration with Annotations needs Checks::full, which keeps room around "
                "blocks and lets freed ones wait");
};

// While there is one, the calling thread is inside the heap.
template <class Config>
class InsideHeap {
 public:
  InsideHeap() noexcept {
    if constexpr (Annotated<Config>) Config::Annotations::enter();
  }
  ~InsideHeap() {
    if constexpr (Annotated<Config>) Config::Annotations::leave();
  }
  InsideHeap(const InsideHeap&) = delete;
  InsideHeap& operator=(const InsideHeap&) = delete;
};

}  // namespace rsb
