// SPDX-License-Identifier: MIT OR Apache-2.0
// The memory that is live: no two parts of it may overlap. Who includes this defines HOLDS before.
#pragma once

#include <stddef.h>

#include <iterator>
#include <map>

namespace property {

class LiveRanges {
 public:
  void occupy(char* base, size_t bytes) {
    const auto next = ranges_.lower_bound(base);
    if (next != ranges_.end()) HOLDS((base + bytes <= next->first));
    if (next != ranges_.begin()) {
      const auto previous = std::prev(next);
      HOLDS((previous->first + previous->second <= base));
    }
    ranges_.emplace(base, bytes);
  }
  void vacate(char* base) { ranges_.erase(base); }

  // Whether something begins in the memory.
  bool any_in(char* base, size_t bytes) const {
    const auto next = ranges_.lower_bound(base);
    return next != ranges_.end() && next->first < base + bytes;
  }

 private:
  std::map<char*, size_t> ranges_;
};

}  // namespace property
