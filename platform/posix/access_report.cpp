// SPDX-License-Identifier: MIT OR Apache-2.0
#include "access_report.hpp"

#include <signal.h>

#include "description_text.hpp"
#include "fault_report.hpp"
#include "standard_error.hpp"

namespace {

constinit struct sigaction before {};

// Null: not one beside a block, nor of one that was freed.
const char* sentence_of(const void* address) noexcept {
  rsb_description d;
  if (!rsb::describe_fault(address, d)) return nullptr;
  if (d.state == RSB_BLOCK_WAITING) return "access to a block that was freed";
  if (d.state != RSB_BLOCK_LIVE) return nullptr;
  if (d.offset < 0) return "access before a block";
  return static_cast<size_t>(d.offset) >= d.size ? "access behind a block" : nullptr;
}

// What would have happened without us.
void pass_on(int signal, siginfo_t* info, void* context) noexcept {
  if ((before.sa_flags & SA_SIGINFO) != 0) return before.sa_sigaction(signal, info, context);
  if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN)
    return before.sa_handler(signal);
  sigaction(signal, &before, nullptr);
  // The access happens again when the handler has returned; what somebody has sent does not.
  if (info->si_code <= 0) raise(signal);
}

[[maybe_unused]] void handle(int signal, siginfo_t* info, void* context) noexcept {
  const rsb::platform::KeepErrno keep_errno;
  const void* const address = info->si_addr;
  const char* const sentence = info->si_code == SEGV_ACCERR ? sentence_of(address) : nullptr;
  if (sentence != nullptr && rsb::platform::may_write_to_standard_error()) {
    rsb::platform::begin_to_report();
    rsb::platform::report_fault(sentence, RSB_OVERFLOW, address, nullptr);
    rsb::platform::end_report();
  }
  pass_on(signal, info, context);
}

}  // namespace

[[gnu::cold]] void rsb::platform::report_accesses() noexcept {
  if constexpr (Instance::options.checks == Checks::full) {
    struct sigaction action {};
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigaction(SIGSEGV, &action, &before);
  }
}
