// SPDX-License-Identifier: MIT OR Apache-2.0
// What the built instance does around fork: the child has a whole heap, and nobody waits for ever,
// whatever locks other threads hold, and whatever other handlers do.
//
// Order of locks. A thread that holds one of these may wait for those below it, never for one
// above; so no circle of threads waits for each other (tests/models/fork_order.pml is a model).
//
//   mutexes of libraries and of the program   their prepare handlers take them, and their threads
//                                             allocate while they hold them
//   stdio's list of streams                   fflush(NULL) holds it, and waits for a stream that
//                                             getline holds, which allocates
//   registration                              see below
//   the caches, then the heap
//
// The forking thread keeps all of them while the process is copied. For that
//
// - our prepare handler must run last, so it must be registered first, and libraries that are
//   initialised before us register theirs. But all of them call __register_atfork, which stands
//   here before the C library's in the order of look-up, and registers ours before any other. (In a
//   static program it is pthread_atfork that does.) Who finds the C library's all the same (a
//   program of musl's, a library that was there before ours was opened by dlopen) may be registered
//   before us: such handlers may allocate in between, since the lock is one that KnowsFork; but
//   mutexes that they take must not be held by other threads that allocate from this heap.
// - glibc locks its list of streams itself, after all handlers. The lock is recursive.
// - glibc from 2.36 on gives up the lock of its list of handlers around each of them, and takes it
//   anew behind ours; to register a handler may allocate while it is held. So nobody is at that
//   between prepare and parent or child: that is the lock `registration`.
//
// A thread that forks in a signal handler, which interrupted it inside the heap, waits for stdio's
// list with the heap's lock held: it waits for no stream, but for other threads that fork. So these
// do not hold the list for long while they wait for the heap.
//
// Handlers of signals may fork, too, wherever they come. But while locks are given up they do not
// come (AllSignalsBlocked): in between the locks are neither held for a fork nor free. They do
// while there is something to wait for: it may be they that the other thread waits for.
//
// Shortcomings. What else glibc locks behind our handler, the configuration of NSS, nobody holds
// while he allocates. But from 2.41 on it locks popen's list of processes there, too, under which
// popen allocates in its turn: one thread in popen and one in fork may still wait for each other.
#include "fork.hpp"

#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>

#include "fault_report.hpp"
#include "instance.hpp"

// glibc from 2.34 on, where pthread_atfork calls __register_atfork of the same library.
#if defined(__GLIBC__)
#if __GLIBC_PREREQ(2, 34)
#define RSB_REGISTERS_FIRST
#endif
#endif
#if defined(RSB_REGISTERS_FIRST)
#include <gnu/libc-version.h>
#include <sys/single_threaded.h>
#define RSB_GLIBC 1
#endif

// Clang's thread sanitizer registers handlers before it is ready for what it has instrumented.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#undef RSB_GLIBC
#endif
#endif

using rsb::KnowsFork;
using rsb::platform::AllSignalsBlocked;

// ---- The heap ----

namespace {

// Until f returns true, for some milliseconds: for what another thread holds only inside the heap,
// unless it is interrupted. False: for once.
template <class F>
bool try_for_a_while(F f) {
  constexpr unsigned tries = 40;
  rsb::BackOff<rsb::platform::YieldThenSleep> back_off;
  for (unsigned i = 0; i < tries; i++) {
    if (f()) return true;
    back_off.pause();
  }
  return false;
}

// A lock of the user's configuration is held across fork like any other, and the child releases its
// copy.
template <class L>
bool before_fork(L& lock) {
  if constexpr (KnowsFork<L>) {
    return try_for_a_while([&] { return lock.try_lock_for_fork(); });
  } else {
    lock.lock();
    return true;
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
struct AtFork {
  static constexpr bool has_caches = requires(Heap & heap) { heap.begin_fork(); };

  static void begin(Heap& heap) {
    if constexpr (has_caches) heap.begin_fork();
  }
  // False: other threads are inside, for long perhaps, and nothing has been done.
  static bool lock(Heap& heap) {
    if constexpr (has_caches) {
      if (!try_for_a_while([&] { return heap.before_fork(); })) return false;
    }
    if (before_fork(heap.lock())) return true;
    const AllSignalsBlocked all_blocked;
    if constexpr (has_caches) heap.after_fork_in_parent();
    return false;
  }
  static void unlock_in_parent(Heap& heap) {
    after_fork_in_parent(heap.lock());
    if constexpr (has_caches) heap.after_fork_in_parent();
  }
  static void reset_in_child(Heap& heap) {
    after_fork_in_child(heap.lock());
    if constexpr (has_caches) heap.after_fork_in_child();
  }
  static void end(Heap& heap) {
    if constexpr (has_caches) heap.end_fork();
  }
};
using HeapAtFork = AtFork<rsb::BuiltHeap>;

using Handler = void (*)();

}  // namespace

// ---- What is locked before the heap ----

#if defined(RSB_GLIBC)

extern "C" {
[[gnu::weak]] void _IO_list_lock();
[[gnu::weak]] void _IO_list_unlock();
[[gnu::weak]] void _IO_list_resetlock();
}

namespace {

constinit rsb::platform::Lock registration;

// Before glibc 2.36 the list of handlers stays locked while they run: who holds `registration`
// would wait for that, and the handler for him.
constinit bool handlers_run_unlocked = false;

// How often this thread has locked stdio's list; more than once if a fork interrupts another. glibc
// does not lock it while there is one thread, whom a signal handler may have interrupted in the
// middle of that.
[[gnu::tls_model("initial-exec")]] thread_local constinit unsigned streams_locked = 0;

void lock_others() noexcept {
  if (__libc_single_threaded == 0 && &_IO_list_lock != nullptr) {
    _IO_list_lock();
    streams_locked++;
  }
  if (handlers_run_unlocked) registration.lock_for_fork();
}

void unlock_others_in_parent() noexcept {
  if (handlers_run_unlocked) registration.unlock_in_parent();
  if (streams_locked == 0) return;
  streams_locked--;
  _IO_list_unlock();
}

void reset_others_in_child() noexcept {
  if (handlers_run_unlocked) registration.reset_in_child();
  if (streams_locked != 0) _IO_list_resetlock();
  streams_locked = 0;
}

}  // namespace

#else

namespace {

void lock_others() noexcept {}
void unlock_others_in_parent() noexcept {}
void reset_others_in_child() noexcept {}

}  // namespace

#endif

// ---- The handlers ----

namespace {

void prepare() noexcept {
  HeapAtFork::begin(rsb::instance);
  lock_others();
  while (!HeapAtFork::lock(rsb::instance)) {
    {
      const AllSignalsBlocked all_blocked;
      unlock_others_in_parent();
    }
    constexpr unsigned a_nap = 16;
    rsb::platform::YieldThenSleep::wait(a_nap);
    lock_others();
  }
}

void go_on_in_parent() noexcept {
  const AllSignalsBlocked all_blocked;
  HeapAtFork::unlock_in_parent(rsb::instance);
  unlock_others_in_parent();
  HeapAtFork::end(rsb::instance);
}

void go_on_in_child() noexcept {
  const AllSignalsBlocked all_blocked;
  HeapAtFork::reset_in_child(rsb::instance);
  reset_others_in_child();
  rsb::platform::forget_other_reporter();
  HeapAtFork::end(rsb::instance);
}

}  // namespace

// ---- Their registration ----

#if defined(RSB_GLIBC)

extern "C" {

using Register = int(Handler prepare, Handler parent, Handler child, void* dso) noexcept;
Register rsb_register_atfork;

// What pthread_atfork calls. In a static program the C library's overrides this weak one.
[[gnu::weak, gnu::alias("rsb_register_atfork"),
  gnu::visibility("default")]] Register __register_atfork;

// Static programs need not have it.
[[gnu::weak]] decltype(dlsym) dlsym;

extern void* __dso_handle [[gnu::visibility("hidden")]];
}

namespace {

// The C library's, or whose ever is the next. Null: the program is static, and never forks.
Register* next_register() noexcept {
  if (&dlsym != nullptr) {
    const char* const name = "__register_atfork";
    void* found = dlsym(RTLD_DEFAULT, name);
    if (found == reinterpret_cast<void*>(&rsb_register_atfork)) found = dlsym(RTLD_NEXT, name);
    if (found != nullptr) return reinterpret_cast<Register*>(found);
  }
  Register* const linked = &__register_atfork;
  return linked == &rsb_register_atfork ? nullptr : linked;
}

// Both under the lock of registration.
constinit bool is_registered = false;

int register_ours(Register* next) noexcept {
  if (is_registered) return 0;
  const char* const version = gnu_get_libc_version();
  handlers_run_unlocked = version[0] != '2' || atoi(version + 2) >= 36;
  const int error = next(prepare, go_on_in_parent, go_on_in_child, __dso_handle);
  is_registered = error == 0;
  return error;
}

}  // namespace

int rsb_register_atfork(Handler prepare, Handler parent, Handler child, void* dso) noexcept {
  Register* const next = next_register();
  if (next == nullptr) return 0;
  rsb::Guard guard(registration);
  if (const int error = register_ours(next)) return error;
  return next(prepare, parent, child, dso);
}

extern "C" int pthread_atfork(Handler prepare, Handler parent, Handler child) noexcept {
  return rsb_register_atfork(prepare, parent, child, __dso_handle);
}

void rsb::platform::register_fork_handlers() noexcept {
  Register* const next = next_register();
  if (next == nullptr) return;
  Guard guard(registration);
  register_ours(next);
}

#else

void rsb::platform::register_fork_handlers() noexcept {
  pthread_atfork(prepare, go_on_in_parent, go_on_in_child);
}

#endif
