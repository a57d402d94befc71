// SPDX-License-Identifier: MIT OR Apache-2.0
#include "fault_report.hpp"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include <unwind.h>

#include "addresses.hpp"
#include "description_text.hpp"
#include "writer.hpp"

// The unwinder comes with what unwinds: with any C++ program, not with one of C. With checks
// `full`, whose programs are to be debugged, it is linked to all. Never is it loaded at a fault:
// who allocates then finds the heap as it is.
#if !defined(RSB_LINKS_UNWINDER)
extern "C" {
[[gnu::weak]] decltype(_Unwind_Backtrace) _Unwind_Backtrace;
[[gnu::weak]] decltype(_Unwind_GetIPInfo) _Unwind_GetIPInfo;
}
#endif

using rsb::platform::Writer;

namespace {

constinit bool has_ended = false;

// The thread that reports a fault; 0: none.
constinit uintptr_t reporter = 0;

// Not on the stack, which may be a signal handler's.
constinit char buffer[2048];

// While there is one, the process aborts after some seconds, whatever the thread waits for: locks
// of the loader's, in the child of a fork, may never be free. The same signal may come earlier,
// from the program, or be pending.
class Patience {
 public:
  Patience() noexcept {
    end_ = now() + seconds;
    struct sigaction action {};
    action.sa_handler = [](int) {
      if (now() >= end_) abort();
      alarm(1);
    };
    sigaction(SIGALRM, &action, &action_before_);
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, SIGALRM);
    pthread_sigmask(SIG_UNBLOCK, &only, &mask_before_);
    alarm(seconds);
  }
  ~Patience() {
    alarm(0);
    pthread_sigmask(SIG_SETMASK, &mask_before_, nullptr);
    sigaction(SIGALRM, &action_before_, nullptr);
  }
  Patience(const Patience&) = delete;
  Patience& operator=(const Patience&) = delete;

 private:
  static constexpr unsigned seconds = 5;
  static inline constinit time_t end_ = 0;  // one report at a time

  static time_t now() noexcept {
    const int before = errno;
    timespec since_start{};
    clock_gettime(CLOCK_MONOTONIC, &since_start);
    errno = before;
    return since_start.tv_sec;
  }

  struct sigaction action_before_;
  sigset_t mask_before_;
};

[[gnu::cold]] void put_maker(Writer& out, const char* what, const void* return_address) noexcept {
  if (return_address == nullptr) return;
  out << "  " << what;
  rsb::platform::put_call(out, return_address);
  out << "\n";
}

[[gnu::cold]] void put_block(Writer& out, rsb_fault_kind kind, const void* address) noexcept {
  rsb_description d;
  if (!rsb::describe_fault(address, d)) return;
  rsb::put_place(out, kind, d);
  out << "\n";
  out.flush();  // what follows may take long
  if (d.written_to != nullptr) {
    rsb::put_written(out, d);
    out << "\n";
  }
  put_maker(out, "allocated by ", d.allocated_by);
  put_maker(out, "released by ", d.freed_by);
}

[[gnu::cold]] void put_thread(Writer& out) noexcept {
  const auto thread = static_cast<size_t>(syscall(SYS_gettid));
  const auto process = static_cast<size_t>(getpid());
  if (thread != process) out << "  in thread " << thread << " of process " << process << "\n";
}

// At once, before anything that may go wrong. No stdio: it allocates.
[[gnu::cold]] void put_sentence(const char* sentence, const void* address) noexcept {
  char text[160];
  char* end = stpcpy(text, "rsbmalloc: ");
  end = stpcpy(end, sentence);
  end = stpcpy(end, " (address 0x");
  for (int shift = sizeof(void*) * 8 - 4; shift >= 0; shift -= 4) {
    *end++ = "0123456789abcdef"[rsb::address_of(address) >> shift & 15];
  }
  end = stpcpy(end, ")\n");
  if (write(STDERR_FILENO, text, static_cast<size_t>(end - text)) < 0) abort();
}

struct Trace {
  static constexpr unsigned most_frames = 20;

  Writer& out;
  const void* behind;  // null: what follows is to be told
  bool is_in_handler;  // but not what a signal has called
  unsigned frames = 0;

  // False: it is enough.
  bool put(const void* instruction) noexcept {
    if (behind != nullptr) {
      if (instruction == behind) behind = nullptr;
      return true;
    }
    if (frames == 0 && rsb::platform::is_in_library(instruction)) return true;
    out << "  #" << frames << " ";
    rsb::platform::put_instruction(out, instruction);
    out << "\n";
    return ++frames < most_frames;
  }
};

_Unwind_Reason_Code put_frame(_Unwind_Context* context, void* trace) noexcept {
  int is_exact = 0;
  const uintptr_t found = _Unwind_GetIPInfo(context, &is_exact);
  if (found == 0) return _URC_END_OF_STACK;
  const uintptr_t at = is_exact != 0 ? found : found - 1;
  if (is_exact != 0) static_cast<Trace*>(trace)->is_in_handler = false;
  if (static_cast<Trace*>(trace)->is_in_handler) return _URC_NO_REASON;
  const bool goes_on = static_cast<Trace*>(trace)->put(reinterpret_cast<const void*>(at));
  return goes_on ? _URC_NO_REASON : _URC_END_OF_STACK;
}

[[gnu::cold]] void put_backtrace(Writer& out, const void* behind) noexcept {
#if !defined(RSB_LINKS_UNWINDER)
  if (&_Unwind_Backtrace == nullptr || &_Unwind_GetIPInfo == nullptr) return;
#endif
  const char* const call = behind != nullptr ? static_cast<const char*>(behind) - 1 : nullptr;
  Trace trace{out, call, behind == nullptr};
  _Unwind_Backtrace(put_frame, &trace);
  if (trace.behind == nullptr) return;
  trace.behind = nullptr;  // it was not among them
  _Unwind_Backtrace(put_frame, &trace);
}

}  // namespace

void rsb::platform::begin_to_report() noexcept {
  const auto self = reinterpret_cast<uintptr_t>(&errno);  // each thread's own
  for (;;) {
    uintptr_t other = 0;
    if (__atomic_compare_exchange_n(&reporter, &other, self, false, __ATOMIC_RELAXED,
                                    __ATOMIC_RELAXED)) {
      return;
    }
    if (other == self) abort();
    Scheduler::sleep(10'000);
  }
}

void rsb::platform::end_report() noexcept {
  __atomic_store_n(&reporter, uintptr_t{0}, __ATOMIC_RELAXED);
}

void rsb::platform::forget_other_reporter() noexcept {
  if (reporter != reinterpret_cast<uintptr_t>(&errno)) reporter = 0;
}

[[gnu::cold]] void rsb::platform::report_fault(const char* sentence, rsb_fault_kind kind,
                                               const void* address, const void* behind) noexcept {
  put_sentence(sentence, address);
  const Patience patience;
  Writer out(STDERR_FILENO, buffer);
  if (has_ended) out << "  found when the program ended\n";
  put_block(out, kind, address);
  put_thread(out);
  out.flush();
  put_backtrace(out, behind);
}

void rsb::platform::note_end_of_program() noexcept {
  has_ended = true;
}
