// SPDX-License-Identifier: MIT OR Apache-2.0
#include "fault_report.hpp"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
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

// Not on the stack, which may be a signal handler's.
constinit char buffer[2048];

// While there is one, the process aborts after some seconds, whatever the thread waits for: locks
// of the loader's, in the child of a fork, may never be free.
class Patience {
 public:
  Patience() noexcept {
    struct sigaction action {};
    action.sa_handler = [](int) { abort(); };
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
  put_maker(out, "allocated by ", d.allocated_by);
  put_maker(out, "released by ", d.freed_by);
}

[[gnu::cold]] void put_thread(Writer& out) noexcept {
  const auto thread = static_cast<size_t>(syscall(SYS_gettid));
  const auto process = static_cast<size_t>(getpid());
  if (thread != process) out << "  in thread " << thread << " of process " << process << "\n";
}

struct Trace {
  static constexpr unsigned most_frames = 20;

  Writer& out;
  const void* behind;  // null: what follows is to be told
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
  const bool goes_on = static_cast<Trace*>(trace)->put(reinterpret_cast<const void*>(at));
  return goes_on ? _URC_NO_REASON : _URC_END_OF_STACK;
}

[[gnu::cold]] void put_backtrace(Writer& out, const void* behind) noexcept {
#if !defined(RSB_LINKS_UNWINDER)
  if (&_Unwind_Backtrace == nullptr || &_Unwind_GetIPInfo == nullptr) return;
#endif
  Trace trace{out, static_cast<const char*>(behind) - 1};
  _Unwind_Backtrace(put_frame, &trace);
  if (trace.behind == nullptr) return;
  trace.behind = nullptr;  // it was not among them
  _Unwind_Backtrace(put_frame, &trace);
}

}  // namespace

[[gnu::cold]] void rsb::platform::report_fault(rsb_fault_kind kind, const void* address,
                                               const void* behind) noexcept {
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
