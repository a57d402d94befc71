// SPDX-License-Identifier: MIT OR Apache-2.0
// What is asked of a page map; its model decides what the numbers mean.
#pragma once

#include <stddef.h>

#include <ostream>

namespace fuzz {

struct MapRequest {
  enum class Ask {
    cover,            // by nodes, the largest that can be had
    cover_piecemeal,  // by nodes of all sizes
    install_stale,    // a node that was asked for at another time
    nodes_scarce,     // from now on there are none above a size
    add_window,
    add_region,
    remove_region,
    look,
    count
  };
  Ask ask;
  size_t size;
  unsigned place;
  size_t which;
};

inline std::ostream& operator<<(std::ostream& out, const MapRequest& r) {
  static const char* const names[] = {
      "cover",      "cover piecemeal", "install stale", "nodes scarce",
      "add window", "add region",      "remove region", "look"};
  static_assert(sizeof names / sizeof *names == static_cast<size_t>(MapRequest::Ask::count));
  return out << names[static_cast<size_t>(r.ask)] << "{" << r.size << ", at " << r.place << ", #"
             << r.which << "}";
}

}  // namespace fuzz
