// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/memory_resource.hpp: the built instance as a std::pmr resource.
#include "rsb/memory_resource.hpp"

#include <list>
#include <map>
#include <string>
#include <vector>

#include "support/built_instance.hpp"

using support::NothingLeft;
using support::stats;

TEST_CASE("there is one resource, equal to itself and to no other") {
  CHECK(rsb::memory_resource() != nullptr);
  CHECK(rsb::memory_resource() == rsb::memory_resource());
  CHECK(rsb::memory_resource()->is_equal(*rsb::memory_resource()));
  CHECK_FALSE(rsb::memory_resource()->is_equal(*std::pmr::new_delete_resource()));
}

TEST_CASE("it allocates from the heap, aligned as it is asked") {
  NothingLeft nothing_left;
  std::pmr::memory_resource* const resource = rsb::memory_resource();
  for (size_t alignment = 1; alignment <= 4096; alignment *= 2) {
    const size_t before = stats().live_blocks;
    void* const block = resource->allocate(100, alignment);
    CHECK(stats().live_blocks == before + 1);
    CHECK(reinterpret_cast<uintptr_t>(support::opaque(block)) % alignment == 0);
    resource->deallocate(block, 100, alignment);
  }
}

TEST_CASE("a release with another size is a size mismatch") {
  void* const block = rsb::memory_resource()->allocate(100, 8);
  CHECK(support::fault_of([&] { rsb::memory_resource()->deallocate(block, 500, 8); }) ==
        RSB_SIZE_MISMATCH);
  rsb::memory_resource()->deallocate(block, 100, 8);
}

TEST_CASE("polymorphic containers live on it") {
  NothingLeft nothing_left;
  std::pmr::vector<std::pmr::string> strings(rsb::memory_resource());
  for (size_t i = 0; i < 1'000; i++) strings.emplace_back(i, 'x');
  CHECK(strings[999].size() == 999);
  CHECK(strings[999].get_allocator().resource() == rsb::memory_resource());
  std::pmr::map<int, std::pmr::list<int>> map(rsb::memory_resource());
  for (int i = 0; i < 1'000; i++) map[i % 10].push_back(i);
  CHECK(map[3].size() == 100);
}

#if defined(__cpp_exceptions)
TEST_CASE("exhaustion throws bad_alloc") {
  CHECK_THROWS_AS((void)rsb::memory_resource()->allocate(support::opaque(SIZE_MAX / 2), 8),
                  std::bad_alloc);
  CHECK_THROWS_AS((void)rsb::memory_resource()->allocate(support::opaque(SIZE_MAX), 8),
                  std::bad_alloc);
}
#endif
