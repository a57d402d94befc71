// What the built instance does at the events of a process: its start, fork, exhaustion, a fault.
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "instance.hpp"
#include "standard_error.hpp"

namespace {

template <class L>
concept KnowsFork = requires(L lock) {
  lock.lock_for_fork();
  lock.unlock_in_parent();
  lock.reset_in_child();
};

// A lock of the user's configuration is held across fork like any other, and the child releases its
// copy.
template <class L>
void before_fork(L& lock) {
  if constexpr (KnowsFork<L>) {
    lock.lock_for_fork();
  } else {
    lock.lock();
  }
}
template <class L>
void after_fork_in_parent(L& lock) {
  if constexpr (KnowsFork<L>) {
    lock.unlock_in_parent();
  } else {
    lock.unlock();
  }
}
template <class L>
void after_fork_in_child(L& lock) {
  if constexpr (KnowsFork<L>) {
    lock.reset_in_child();
  } else {
    lock.unlock();
  }
}

// Caches before the heap's lock.
template <class Heap>
void prepare(Heap& heap) {
  if constexpr (requires { heap.before_fork(); }) heap.before_fork();
  before_fork(heap.lock());
}
template <class Heap>
void go_on_in_parent(Heap& heap) {
  after_fork_in_parent(heap.lock());
  if constexpr (requires { heap.after_fork_in_parent(); }) heap.after_fork_in_parent();
}
template <class Heap>
void go_on_in_child(Heap& heap) {
  after_fork_in_child(heap.lock());
  if constexpr (requires { heap.after_fork_in_child(); }) heap.after_fork_in_child();
}

[[gnu::constructor]] void start() {
  pthread_atfork([] { prepare(rsb::instance); }, [] { go_on_in_parent(rsb::instance); },
                 [] { go_on_in_child(rsb::instance); });
}

}  // namespace

void rsb::platform::exhausted() noexcept {
  errno = ENOMEM;
}

void rsb::platform::invalid_argument() noexcept {
  errno = EINVAL;
}

// The default fault hook: says what happened on standard error, if that is there for it, and
// aborts.
extern "C" [[gnu::weak]] void rsb_fault(rsb_fault_kind kind, const void* address) {
  if (!rsb::platform::may_write_to_standard_error()) abort();
  // No stdio: it allocates.
  char text[160];
  char* end = stpcpy(text, "rsbmalloc: ");
  end = stpcpy(end, rsb_fault_name(kind));
  end = stpcpy(end, " (address 0x");
  for (int shift = sizeof(void*) * 8 - 4; shift >= 0; shift -= 4) {
    *end++ = "0123456789abcdef"[rsb::address_of(address) >> shift & 15];
  }
  end = stpcpy(end, ")\n");
  const rsb::platform::NoCancellation no_cancellation;  // for good: abort() does not return
  if (write(STDERR_FILENO, text, static_cast<size_t>(end - text)) < 0) abort();
  abort();
}
