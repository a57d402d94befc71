// SPDX-License-Identifier: MIT OR Apache-2.0
#include "check_at_end.hpp"

#include <stdlib.h>
#include <unistd.h>

#include "fault_report.hpp"
#include "inside_call.hpp"
#include "instance.hpp"
#include "rsb/cached_inspector.hpp"
#include "rsb/small_inspector.hpp"
#include "standard_error.hpp"
#include "writer.hpp"

namespace {

// Of one that other threads have no more than for a moment. No system call tells a process from a
// copy of it that was made past the fork handlers, whose lock nobody gives up: but that it does
// not.
template <class Lock>
bool is_free_soon(Lock& lock) noexcept {
  if constexpr (rsb::TryLock<Lock>) {
    constexpr unsigned tries = 1'000;
    for (unsigned i = 0; i < tries; i++) {
      if (lock.try_lock()) {
        lock.unlock();
        return true;
      }
      rsb::platform::Scheduler::sleep(1'000);
    }
    return false;
  }
  return true;
}

[[noreturn, maybe_unused]] void end_by(const char* sentence) noexcept {
  if (rsb::platform::may_write_to_standard_error()) {
    char buffer[256];
    rsb::platform::Writer out(STDERR_FILENO, buffer);
    out << "rsbmalloc: does not hold when the program ends: " << sentence << "\n";
  }
  abort();
}

// A template, so that it is compiled only where it is called.
template <class Heap>
void check(Heap& heap) noexcept {
  if (rsb::is_inside_call(heap) || !is_free_soon(heap.lock())) return;
  auto inspector = rsb::inspect(heap);
  const char* const sentence = inspector.check();
  if (sentence == nullptr) return;
  rsb::platform::note_end_of_program();
  if (const auto& damage = inspector.damage(); damage.block != nullptr) {
    rsb::raise(damage.fault, damage.block);
  }
  end_by(sentence);
}

}  // namespace

[[gnu::cold]] void rsb::platform::check_at_end() noexcept {
  if constexpr (BuiltHeap::options.checks == rsb::Checks::full) check(instance);
}
