// SPDX-License-Identifier: MIT OR Apache-2.0
// Random requests to a small heap, compared with a model after each.
#include <memory>

#include "property/check.hpp"

#define HOLDS RC_ASSERT
#include "support/small_heap_model.hpp"

using namespace rsb;

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

struct Step {
  enum class Ask {
    allocate,
    aligned,
    zeroed,
    reallocate,
    deallocate,
    sized,
    nowait,
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

std::ostream& operator<<(std::ostream& out, const Step& s) {
  static const char* const names[] = {"allocate", "aligned", "zeroed", "reallocate", "deallocate",
                                      "sized",    "nowait",  "add",    "remove",     "misuse"};
  return out << names[static_cast<int>(s.ask)] << "{" << s.size << ", 2^" << s.alignment_log
             << ", #" << s.which << "}";
}

}  // namespace

template <>
struct rc::Arbitrary<Step> {
  static Gen<Step> arbitrary() {
    using Ask = Step::Ask;
    const auto ask = gen::weightedElement<Ask>({{12, Ask::allocate},
                                                {2, Ask::aligned},
                                                {1, Ask::zeroed},
                                                {4, Ask::reallocate},
                                                {8, Ask::deallocate},
                                                {2, Ask::sized},
                                                {4, Ask::nowait},
                                                {1, Ask::add},
                                                {1, Ask::remove},
                                                {1, Ask::misuse}});
    // Half the sizes are one and the same.
    const auto any =
        gen::apply([](unsigned log, size_t fraction) { return (fraction << log) >> 10; },
                   gen::inRange<unsigned>(1, 13), gen::inRange<size_t>(0, 1024));
    return gen::build<Step>(gen::set(&Step::ask, ask),
                            gen::set(&Step::size, gen::oneOf(gen::just(size_t{16}), any)),
                            gen::set(&Step::alignment_log, gen::inRange<unsigned>(0, 9)),
                            gen::set(&Step::which, gen::inRange<size_t>(0, 1000)));
  }
};

namespace {

template <class Config>
void apply(support::SmallHeapModel<Config>& model, const Step& s) {
  using Ask = Step::Ask;
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
    case Ask::nowait:
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

}  // namespace

TEST_CASE_TEMPLATE("whatever is asked of a small heap, it does what its model does", Config,
                   Checked, Unchecked, Deferring, Words) {
  CHECK(property::holds("a small heap does what its model does", [] {
    const auto model = std::make_unique<support::SmallHeapModel<Config>>();
    for (const Step& step : property::sequence<Step>()) {
      apply(*model, step);
      RC_ASSERT(SmallHeapInspector<Config>(model->heap).check() == nullptr);
    }
    model->check();
    model->finish();
  }));
}
