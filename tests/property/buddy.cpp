// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/buddy_pages.hpp over a buddy allocator: nothing is lost, and nothing is served twice.
#include <map>

#include "property/check.hpp"
#include "support/kernel.hpp"

using namespace rsb;
using support::KernelBuddy;

namespace {

constexpr size_t page = KernelBuddy::page_size;

struct Step {
  size_t pages;  // 0: release
  unsigned alignment_log;
  size_t which;
};

std::ostream& operator<<(std::ostream& out, const Step& s) {
  return out << "{" << s.pages << " pages, 2^" << s.alignment_log << ", #" << s.which << "}";
}

}  // namespace

template <>
struct rc::Arbitrary<Step> {
  static Gen<Step> arbitrary() {
    return gen::build<Step>(
        gen::set(&Step::pages, gen::oneOf(gen::just<size_t>(0), gen::inRange<size_t>(1, 6),
                                          gen::inRange<size_t>(1, 20))),
        gen::set(&Step::alignment_log,
                 gen::weightedElement<unsigned>({{6, 0}, {1, 1}, {1, 2}, {1, 3}, {1, 4}, {1, 5}})),
        gen::set(&Step::which, gen::inRange<size_t>(0, 1000)));
  }
};

TEST_CASE("whatever is acquired and released, the buddy has all else, and at the end all") {
  CHECK(property::holds("pages are the buddy's or somebody's", [] {
    BuddyPages<KernelBuddy> source;
    auto& allocator = source.buddy().allocator;
    allocator.begin_at(support::arena);
    allocator.add(support::arena, support::arena_bytes);
    std::map<char*, size_t> held;
    size_t held_pages = 0;
    const auto release = [&](size_t which) {
      auto it = held.begin();
      std::advance(it, which % held.size());
      RC_ASSERT(source.release(it->first, it->second * page));
      held_pages -= it->second;
      held.erase(it);
    };
    for (const Step& step : property::sequence<Step>()) {
      if (step.pages == 0) {
        if (!held.empty()) release(step.which);
      } else {
        const size_t alignment = page << step.alignment_log;
        char* const base = static_cast<char*>(source.acquire(step.pages * page, alignment));
        if (base == nullptr) continue;
        RC_ASSERT(is_aligned(base, alignment));
        RC_ASSERT(bytes_from(support::arena, base) + step.pages * page <= support::arena_bytes);
        const auto next = held.lower_bound(base);
        if (next != held.end()) RC_ASSERT((base + step.pages * page <= next->first));
        if (next != held.begin()) {
          const auto previous = std::prev(next);
          RC_ASSERT((previous->first + previous->second * page <= base));
        }
        held.emplace(base, step.pages);
        held_pages += step.pages;
      }
      RC_ASSERT(allocator.taken_pages() == held_pages);
      RC_ASSERT(allocator.complaint() == nullptr);
    }
    while (!held.empty()) release(0);
    RC_ASSERT(allocator.is_whole());
  }));
}

TEST_CASE("whatever is asked of a heap over a buddy, trimming it gives everything back") {
  CHECK(property::holds("a heap gives back what it got", [] {
    support::KernelWorld w;
    w.add_window();
    w.start(support::arena, support::arena_bytes);
    std::vector<void*> blocks;
    for (const Step& step : property::sequence<Step>()) {
      if (step.pages == 0 && !blocks.empty()) {
        std::swap(blocks[step.which % blocks.size()], blocks.back());
        w.heap.deallocate(blocks.back());
        blocks.pop_back();
      } else {
        // From a few bytes to more than the largest block.
        const size_t size = step.which % 3 == 0 ? step.pages * page : step.which * 9;
        void* const block = w.heap.allocate(size, size_t{1} << (3 * step.alignment_log));
        if (block != nullptr) blocks.push_back(block);
      }
      const char* const problem = w.problem();
      if (problem != nullptr) RC_FAIL(problem);
      RC_ASSERT(inspect(w.heap).stats().acquired_bytes == w.buddy().allocator.taken_pages() * page);
    }
    for (void* block : blocks) w.heap.deallocate(block);
    w.heap.trim();
    RC_ASSERT(w.buddy().allocator.is_whole());
  }));
}
