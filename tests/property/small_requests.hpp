// SPDX-License-Identifier: MIT OR Apache-2.0
// What a program may ask of a small heap, and how its model takes it: for the property tests and
// for fuzzing.
#pragma once

#include <ostream>

#include "support/small_heap_model.hpp"

namespace property {

struct SmallRequest {
  enum class Ask {
    allocate,
    aligned,
    zeroed,
    reallocate,
    deallocate,
    sized,
    allocate_nowait,
    deallocate_nowait,
    add,
    remove,
    misuse,
    count
  };
  Ask ask;
  size_t size;
  unsigned alignment_log;
  size_t which;
};

inline std::ostream& operator<<(std::ostream& out, const SmallRequest& s) {
  static const char* const names[] = {
      "allocate",        "aligned",           "zeroed", "reallocate", "deallocate", "sized",
      "allocate nowait", "deallocate nowait", "add",    "remove",     "misuse"};
  return out << names[static_cast<int>(s.ask)] << "{" << s.size << ", 2^" << s.alignment_log
             << ", #" << s.which << "}";
}

template <class Config>
void apply(support::SmallHeapModel<Config>& model, const SmallRequest& s) {
  using Ask = SmallRequest::Ask;
  switch (s.ask) {
    case Ask::allocate:
      return model.allocate(s.size, 0);
    case Ask::aligned:
      return model.allocate(s.size, size_t{1} << s.alignment_log);
    case Ask::zeroed:
      return model.allocate_zeroed(s.size);
    case Ask::reallocate:
      return model.reallocate(s.which, s.size, (size_t{1} << s.alignment_log) / 4);
    case Ask::deallocate:
      return model.deallocate(s.which);
    case Ask::sized:
      return model.deallocate_sized(s.which);
    case Ask::allocate_nowait:
      return model.allocate_nowait(s.size, s.which % 2 == 0 ? 0 : size_t{1} << s.alignment_log);
    case Ask::deallocate_nowait:
      return model.deallocate_nowait(s.which);
    case Ask::add:
      return model.add_region(s.which);
    case Ask::remove:
      return model.remove_region(s.which);
    case Ask::misuse:
      return model.misuse(s.which, s.size);
    case Ask::count:
      return;
  }
}

}  // namespace property
