// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/allocator.hpp in the standard's containers.
#include "rsb/allocator.hpp"

#include <deque>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "support/built_instance.hpp"

using rsb::Allocator;
using support::NothingLeft;
using support::stats;

namespace {

using String = std::basic_string<char, std::char_traits<char>, Allocator<char>>;

}  // namespace

TEST_CASE("allocator_traits find all they need") {
  using Traits = std::allocator_traits<Allocator<int>>;
  CHECK(std::is_same_v<Traits::rebind_alloc<long>, Allocator<long>>);
  CHECK(std::is_same_v<Traits::pointer, int*>);
  CHECK(Traits::is_always_equal::value);
  CHECK(std::is_nothrow_copy_constructible_v<Allocator<int>>);
  CHECK(std::is_empty_v<Allocator<int>>);
}

TEST_CASE("a vector grows, shrinks and moves") {
  NothingLeft nothing_left;
  std::vector<int, Allocator<int>> v;
  for (int i = 0; i < 100'000; i++) v.push_back(i);
  CHECK(v[77'777] == 77'777);
  auto w = std::move(v);
  w.resize(10);
  w.shrink_to_fit();
  CHECK(w.back() == 9);
  v = w;
  CHECK(v == w);
}

TEST_CASE("a list, a deque, a map and a set") {
  NothingLeft nothing_left;
  std::list<int, Allocator<int>> list;
  std::deque<double, Allocator<double>> deque;
  std::map<int, String, std::less<>, Allocator<std::pair<const int, String>>> map;
  std::set<String, std::less<>, Allocator<String>> set;
  for (int i = 0; i < 2'000; i++) {
    list.push_front(i);
    deque.push_back(i);
    map[i] = String(static_cast<size_t>(i % 100), 'x');
    set.insert(String(static_cast<size_t>(i % 300), 'y'));
  }
  CHECK(list.size() == 2'000);
  CHECK(deque[1'999] == 1'999);
  CHECK(map[99].size() == 99);
  CHECK(set.size() == 300);
  std::list<int, Allocator<int>> other;
  other.splice(other.begin(), list);
  CHECK(list.empty());
}

TEST_CASE("an unordered map of strings") {
  NothingLeft nothing_left;
  struct Hash {
    size_t operator()(const String& s) const {
      return std::hash<std::string_view>()(std::string_view(s.data(), s.size()));
    }
  };
  std::unordered_map<String, int, Hash, std::equal_to<>, Allocator<std::pair<const String, int>>>
      map;
  for (int i = 0; i < 5'000; i++) map[String(static_cast<size_t>(i % 500), 'z')] += 1;
  CHECK(map.size() == 500);
  for (const auto& [key, count] : map) CHECK(count == 10);
}

TEST_CASE("allocate_shared puts object and count into one block") {
  NothingLeft nothing_left;
  const size_t before = stats().live_blocks;
  auto shared = std::allocate_shared<int>(Allocator<int>(), 7);
  CHECK(stats().live_blocks == before + 1);
  CHECK(*shared == 7);
}

TEST_CASE("a type aligned beyond every default") {
  NothingLeft nothing_left;
  struct alignas(4096) Page {
    char bytes[4096];
  };
  std::vector<Page, Allocator<Page>> pages(3);
  CHECK(reinterpret_cast<uintptr_t>(support::opaque(&pages[1])) % 4096 == 0);
}
