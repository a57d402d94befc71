// SPDX-License-Identifier: MIT OR Apache-2.0
// What the built instance does when a call of it fails.
#include "rsb/errno.hpp"
#include "rsb/platform.hpp"
#include "rsb/rsb.h"

constinit rsb::platform::Errno rsb::platform::errno_of_thread = nullptr;

namespace {

// Not with this reference, which is not weak as the heap's own, would the default hook be linked.
// So it is, unless the program has defined one.
[[gnu::used]] void (*const hook)(rsb_fault_kind, const void*) = &rsb_fault;

void set_errno(int error) noexcept {
  if (rsb::platform::errno_of_thread != nullptr) *rsb::platform::errno_of_thread() = error;
}

}  // namespace

void rsb::platform::exhausted() noexcept {
  set_errno(12);  // ENOMEM
}

void rsb::platform::invalid_argument() noexcept {
  set_errno(22);  // EINVAL
}
