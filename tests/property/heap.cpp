// SPDX-License-Identifier: MIT OR Apache-2.0
// Random requests to a heap, compared with a model after each.
#include "property/check.hpp"

#define HOLDS RC_ASSERT
#define FAILS RC_FAIL
#include "property/heap_model.hpp"

template <>
struct rc::Arbitrary<property::Request> {
  static Gen<property::Request> arbitrary() {
    using property::Ask;
    // Allocations and releases in balance, all else now and then.
    const auto ask = gen::weightedElement<Ask>({
        {12, Ask::allocate},
        {8, Ask::allocate_aligned},
        {6, Ask::allocate_zeroed},
        {3, Ask::allocate_zeroed_aligned},
        {4, Ask::allocate_nowait},
        {8, Ask::reallocate},
        {3, Ask::reallocate_aligned},
        {14, Ask::deallocate},
        {9, Ask::deallocate_sized},
        {6, Ask::deallocate_nowait},
        {4, Ask::run_allocate},
        {2, Ask::run_resize},
        {4, Ask::run_deallocate},
        {2, Ask::trim},
        {2, Ask::add_region},
        {2, Ask::remove_region},
        {1, Ask::exhaust},
        {3, Ask::source_fails},
        {3, Ask::source_recovers},
        {2, Ask::source_refuses},
        {3, Ask::misuse},
    });
    // Log-uniform: as many requests below 16 bytes as between 2 and 32 KiB.
    const auto size =
        gen::apply([](unsigned log, size_t fraction) { return (fraction % 1024 << log) >> 10; },
                   gen::inRange<unsigned>(1, 16), gen::inRange<size_t>(0, 1024));
    return gen::build<property::Request>(
        gen::set(&property::Request::ask, ask), gen::set(&property::Request::size, size),
        gen::set(&property::Request::alignment_log, gen::inRange<unsigned>(0, 14)),
        gen::set(&property::Request::which, gen::inRange<size_t>(0, 1000)));
  }
};

namespace {

template <class Config>
bool agrees_with_model() {
  return property::holds("a heap does what its model does", [] {
    property::HeapModel<Config> model;
    for (const property::Request& request : property::sequence<property::Request>()) {
      model.apply(request);
    }
    model.finish();
  });
}

}  // namespace

TEST_CASE_TEMPLATE("whatever is asked of a heap, it does what its model does", Config,
                   support::SmallRadix, support::ThreeLevels, support::MultiPageSpans,
                   support::Firmware, support::Smallest, support::Unchecked,
                   support::UncheckedFirmware) {
  CHECK(agrees_with_model<Config>());
}
