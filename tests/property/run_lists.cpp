// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/run_lists.hpp against a naive model: a set of runs that is searched from end
// to end.
#include "rsb/internal/pages/run_lists.hpp"

#include <algorithm>

#include "property/check.hpp"

using namespace rsb;

namespace {

constexpr unsigned bits = 18;
constexpr size_t longest = (size_t{1} << bits) - 1;

struct Step {
  bool is_insert;
  size_t pages;
  bool is_dirty;
  size_t which;
};

std::ostream& operator<<(std::ostream& out, const Step& s) {
  return out << (s.is_insert ? "insert" : "remove") << "{" << s.pages
             << (s.is_dirty ? " dirty" : "") << ", #" << s.which << "}";
}

}  // namespace

template <>
struct rc::Arbitrary<Step> {
  static Gen<Step> arbitrary() {
    const auto pages =
        gen::apply([](unsigned log, size_t fraction) { return larger((fraction << log) >> 10, 1); },
                   gen::inRange<unsigned>(1, bits + 1), gen::inRange<size_t>(0, 1024));
    return gen::build<Step>(
        gen::set(&Step::is_insert, gen::weightedElement<bool>({{3, true}, {2, false}})),
        gen::set(&Step::pages, pages), gen::set(&Step::is_dirty),
        gen::set(&Step::which, gen::inRange<size_t>(0, 1000)));
  }
};

namespace {

// What find() may overlook: a run that lies in the same list as the request.
constexpr size_t surely_found(size_t pages) {
  return pages < 8 ? pages : pages + pages / 8 + 1;
}

void compare(const RunLists<bits>& lists, const std::vector<Span*>& runs, size_t pages) {
  const Span* const found = lists.find(pages);
  size_t most = 0;
  for (const Span* run : runs) most = larger(most, run->pages);
  if (found == nullptr) {
    RC_ASSERT(most < surely_found(pages));
    return;
  }
  RC_ASSERT(found->pages >= pages);
  RC_ASSERT((std::find(runs.begin(), runs.end(), found) != runs.end()));
  // Good fit: nothing that is surely found is much shorter, or it is clean and this one is not.
  for (const Span* run : runs) {
    const bool is_preferred = run->dirty != 0 || found->dirty == 0;
    if (run->pages < surely_found(pages) || !is_preferred) continue;
    RC_ASSERT((found->dirty != 0) == (run->dirty != 0));
    RC_ASSERT(found->pages <= surely_found(run->pages));
  }
}

}  // namespace

TEST_CASE("lists of runs find what a search from end to end finds") {
  CHECK(property::holds("run lists do what their model does", [] {
    static Span storage[500];
    RunLists<bits> lists;
    std::vector<Span*> runs;
    size_t used = 0;
    for (const Step& step : property::sequence<Step>()) {
      if (step.is_insert && used < 500) {
        Span* const run = &storage[used++];
        *run = Span{};
        run->kind = Kind::free;
        run->pages = static_cast<uint32_t>(smaller(step.pages, longest));
        run->dirty = step.is_dirty ? 1 : 0;
        lists.insert(run);
        runs.push_back(run);
      } else if (!runs.empty()) {
        const size_t i = step.which % runs.size();
        lists.remove(runs[i]);
        RC_ASSERT(!lists.contains(runs[i]));
        runs.erase(runs.begin() + static_cast<ptrdiff_t>(i));
      }
      compare(lists, runs, smaller(step.pages, longest));
      compare(lists, runs, larger(step.pages / 2, 1));
      compare(lists, runs, 1);
      bool any_dirty = false;
      for (const Span* run : runs) {
        RC_ASSERT(lists.contains(run));
        any_dirty = any_dirty || run->dirty != 0;
      }
      const Span* const dirty = lists.longest_dirty();
      RC_ASSERT((dirty != nullptr) == any_dirty);
      if (dirty != nullptr) RC_ASSERT(dirty->dirty != 0u);
    }
  }));
}
