// SPDX-License-Identifier: MIT OR Apache-2.0
// Random requests to a small heap, compared with a model after each.
#include <memory>

#include "property/check.hpp"

#define HOLDS RC_ASSERT
#include "property/small_requests.hpp"

using namespace rsb;
using property::SmallRequest;

namespace {

struct Checked {
  using Lock = NoLock;
  static constexpr SmallOptions options{.statistics = true};
};

struct Unchecked {
  using Lock = NoLock;
  static constexpr SmallOptions options{.checks = Checks::off};
};

struct Words {
  using Lock = NoLock;
  static constexpr SmallOptions options{.words = true, .deferred_batch = 2, .statistics = true};
};

struct Deferring {
  using Lock = NoLock;
  static constexpr SmallOptions options{.deferred_batch = 2};
};

}  // namespace

template <>
struct rc::Arbitrary<SmallRequest> {
  static Gen<SmallRequest> arbitrary() {
    using Ask = SmallRequest::Ask;
    const auto ask = gen::weightedElement<Ask>({{12, Ask::allocate},
                                                {2, Ask::aligned},
                                                {1, Ask::zeroed},
                                                {4, Ask::reallocate},
                                                {8, Ask::deallocate},
                                                {2, Ask::sized},
                                                {2, Ask::allocate_nowait},
                                                {4, Ask::deallocate_nowait},
                                                {1, Ask::add},
                                                {1, Ask::remove},
                                                {1, Ask::misuse}});
    // Half the sizes are one and the same.
    const auto any =
        gen::apply([](unsigned log, size_t fraction) { return (fraction << log) >> 10; },
                   gen::inRange<unsigned>(1, 13), gen::inRange<size_t>(0, 1024));
    return gen::build<SmallRequest>(
        gen::set(&SmallRequest::ask, ask),
        gen::set(&SmallRequest::size, gen::oneOf(gen::just(size_t{16}), any)),
        gen::set(&SmallRequest::alignment_log, gen::inRange<unsigned>(0, 9)),
        gen::set(&SmallRequest::which, gen::inRange<size_t>(0, 1000)));
  }
};

TEST_CASE_TEMPLATE("whatever is asked of a small heap, it does what its model does", Config,
                   Checked, Unchecked, Deferring, Words) {
  CHECK(property::holds("a small heap does what its model does", [] {
    const auto model = std::make_unique<support::SmallHeapModel<Config>>();
    for (const SmallRequest& step : property::sequence<SmallRequest>()) {
      apply(*model, step);
      RC_ASSERT(SmallHeapInspector<Config>(model->heap).check() == nullptr);
    }
    model->check();
    model->finish();
  }));
}
