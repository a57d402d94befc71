// SPDX-License-Identifier: MIT OR Apache-2.0
#include <map>
#include <rsb/allocator.hpp>
#include <rsb/memory_resource.hpp>
#include <string>
#include <vector>

int main() {
  std::vector<int, rsb::Allocator<int>> numbers(1000);
  std::pmr::map<int, std::pmr::string> names(rsb::memory_resource());
  names[1] = "a name that is too long to be kept inside the string object";

  rsb_stats stats;
  rsb_get_stats(&stats);
  return stats.live_blocks == 3 ? 0 : 1;  // the numbers, a node, a string
}
