// SPDX-License-Identifier: MIT OR Apache-2.0
// Random requests to a heap, compared with a model after each.
#include "property/check.hpp"
#include "property/heap_model.hpp"

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
