// SPDX-License-Identifier: MIT OR Apache-2.0
// What the default hook says besides its sentence: what is true, so far as it is known, by itself,
// and without a call of malloc.
#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "rsb/rsb.h"

// The C library's allocator, under the program's name: what is asked of it while a fault is
// reported is seen.
extern "C" void* __libc_malloc(size_t);
namespace {
volatile bool must_not_allocate = false;
void say(const char* text) {
  if (write(STDERR_FILENO, text, strlen(text)) < 0) _exit(9);
}
}  // namespace
extern "C" void* malloc(size_t size) noexcept {
  if (must_not_allocate) say("malloc was called\n");
  return __libc_malloc(size);
}

// What names are asked of.
namespace {
void (*volatile when_asked_for_names)() = nullptr;
decltype(dl_iterate_phdr)* next_iterate = nullptr;
}  // namespace
extern "C" int dl_iterate_phdr(int (*visit)(dl_phdr_info*, size_t, void*), void* context) {
  if (when_asked_for_names != nullptr) when_asked_for_names();
  return next_iterate != nullptr ? next_iterate(visit, context) : 0;
}

namespace {

constexpr size_t size = 24;

[[gnu::noinline]] char* make() {
  char* const block = static_cast<char*>(rsb_malloc(size));
  asm volatile("");
  return block;
}
[[gnu::noinline]] void drop(void* block) {
  rsb_free(block);
  asm volatile("");
}
[[gnu::noinline]] void drop_far_down(void* block, int depth) {
  if (depth == 0) {
    drop(block);
  } else {
    drop_far_down(block, depth - 1);
  }
  asm volatile("");
}

bool has_full_checks() {
  char* const block = make();
  const size_t usable = rsb_malloc_usable_size(block);
  rsb_free(block);
  return usable == size;
}

void free_twice() {
  char* const block = make();
  drop(block);
  drop(block);
}
void free_inside() {
  drop(make() + 8);
}
void free_of_stack() {
  int local = 0;
  drop(&local);
}
void free_twice_far_down() {
  char* const block = make();
  drop(block);
  drop_far_down(block, 100);
}
void* free_twice(void*) {
  free_twice();
  return nullptr;
}
void free_twice_in_thread() {
  pthread_t thread;
  must_not_allocate = false;
  if (pthread_create(&thread, nullptr, free_twice, nullptr) == 0) pthread_join(thread, nullptr);
}
void write_behind() {
  char* const block = make();
  block[size] = 1;
  drop(block);
}
void write_before() {
  char* const block = make();
  block[-1] = 1;
  drop(block);
}
// What has something to do behind the allocation tells of its caller, too.
struct Object {
  char bytes[size];
};
[[gnu::noinline]] void drop_object(Object* object) {
  delete object;
  asm volatile("");
}
[[gnu::noinline]] void delete_twice() {
  Object* const object = new Object;
  asm volatile("");
  drop_object(object);
  drop_object(object);
}
[[gnu::noinline]] void free_aligned_twice() {
  void* block = nullptr;
  if (rsb_posix_memalign(&block, 16, size) != 0) _exit(4);
  drop(block);
  drop(block);
}
void free_twice_while_reporting() {
  when_asked_for_names = free_twice;
  free_inside();
}
void wait_for_ever_while_reporting() {
  when_asked_for_names = [] {
    for (;;) pause();
  };
  free_inside();
}
// What else raises the signal that ends a report that takes too long.
void free_twice_with_alarm_pending() {
  sigset_t alarms;
  sigemptyset(&alarms);
  sigaddset(&alarms, SIGALRM);
  sigprocmask(SIG_BLOCK, &alarms, nullptr);
  raise(SIGALRM);
  free_twice();
}
void free_twice_under_a_timer() {
  signal(SIGALRM, SIG_IGN);
  timer_t timer;
  const itimerspec often{.it_interval = {0, 1'000'000}, .it_value = {0, 1'000'000}};
  if (timer_create(CLOCK_MONOTONIC, nullptr, &timer) != 0) _exit(4);
  if (timer_settime(timer, 0, &often, nullptr) != 0) _exit(4);
  when_asked_for_names = [] {
    const timespec some{0, 3'000'000};
    nanosleep(&some, nullptr);
  };
  free_twice();
}

// The child has no thread that would end its report.
volatile bool has_begun_to_report = false;
void free_twice_in_child_while_reporting() {
  when_asked_for_names = [] {
    has_begun_to_report = true;
    for (;;) pause();
  };
  must_not_allocate = false;
  pthread_t thread;
  const auto report = [](void*) -> void* {
    free_inside();
    return nullptr;
  };
  if (pthread_create(&thread, nullptr, report, nullptr) != 0) _exit(4);
  while (!has_begun_to_report) usleep(1'000);
  const pid_t child = fork();
  when_asked_for_names = nullptr;
  if (child == 0) {
    alarm(3);
    free_twice();
  }
  int status = 0;
  waitpid(child, &status, 0);
  say(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT ? "the child aborts\n" : "it does not\n");
  _exit(3);
}

struct Report {
  char text[8192] = "";
  int status = 0;

  bool has(const char* part) const { return strstr(text, part) != nullptr; }
  unsigned count(const char* part) const {
    unsigned n = 0;
    for (const char* at = text; (at = strstr(at, part)) != nullptr; at++) n++;
    return n;
  }
  // The address behind `before`, from there on; 0: there is none.
  uintptr_t address_behind(const char* before) const {
    const char* const at = strstr(text, before);
    return at == nullptr ? 0 : strtoull(at + strlen(before), nullptr, 16);
  }
  // Whether the call lies in the function, none of which is nearly so long.
  template <class Function>
  bool is_in(const char* before, Function* function) const {
    return address_behind(before) - reinterpret_cast<uintptr_t>(function) < 300;
  }
  // Whether the function is in the backtrace.
  template <class Function>
  bool leads_to(Function* function) const {
    for (const char* at = text; (at = strstr(at, "  #")) != nullptr; at++) {
      const char* const number = strstr(at, " 0x");
      if (number == nullptr) return false;
      const uintptr_t found = strtoull(number + 1, nullptr, 16);
      if (found - reinterpret_cast<uintptr_t>(function) < 300) return true;
    }
    return false;
  }
};

void run(void (*scene)(), Report& report) {
  int ends[2];
  if (pipe(ends) != 0) abort();
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    dup2(ends[1], STDERR_FILENO);  // the same, so that it may be written to
    close(ends[0]);
    close(ends[1]);
    must_not_allocate = true;
    scene();
    _exit(3);
  }
  close(ends[1]);
  size_t used = 0;
  for (;;) {
    const ssize_t got = read(ends[0], report.text + used, sizeof report.text - 1 - used);
    if (got <= 0) break;
    used += static_cast<size_t>(got);
  }
  close(ends[0]);
  waitpid(child, &report.status, 0);
}

int failures = 0;

void require(bool holds, const char* scene, const char* what, const Report& report) {
  if (holds) return;
  failures++;
  printf("%s: %s\n%s\n", scene, what, report.text);
}

void check_scenes(bool is_full) {
  const struct {
    const char* name;
    void (*scene)();
    const char* sentence;
    const char* state;     // of the block; null: there is none
    const char* position;  // or null
    bool is_freed;
    bool needs_full;
  } scenes[] = {
      {"free_twice", free_twice, "double free", "free", nullptr, true, false},
      {"free_inside", free_inside, "freed pointer points into a block, not at its start", "live",
       ", 8 bytes after its start", false, false},
      {"free_of_stack", free_of_stack, "freed pointer is not from this heap", nullptr, nullptr,
       false, false},
      {"free_twice_far_down", free_twice_far_down, "double free", "free", nullptr, true, false},
      {"free_twice_in_thread", free_twice_in_thread, "double free", "free", nullptr, true, false},
      {"write_behind", write_behind, "memory behind the block was written to", "live", nullptr,
       false, true},
      {"write_before", write_before, "memory before the block was written to", "live", nullptr,
       false, true},
  };
  for (const auto& s : scenes) {
    if (s.needs_full && !is_full) continue;
    Report report;
    run(s.scene, report);
    const auto expect = [&](bool holds, const char* what) { require(holds, s.name, what, report); };
    expect(WIFSIGNALED(report.status) && WTERMSIG(report.status) == SIGABRT, "does not abort");
    char first[200];
    snprintf(first, sizeof first, "rsbmalloc: %s (address 0x", s.sentence);
    expect(strncmp(report.text, first, strlen(first)) == 0, "the sentence is not the first line");
    expect(report.count("rsbmalloc:") == 1, "one sentence");
    expect(!report.has("malloc was called"), "it allocates");
    const bool is_block = report.has("  in a block of ");
    expect(is_block == (s.state != nullptr), "a block");
    if (is_block) {
      char text[100];
      snprintf(text, sizeof text, "in a block of %zu bytes at 0x", is_full ? size : size_t{32});
      expect(report.has(text), "its size");
      snprintf(text, sizeof text, ", %s", is_full && s.is_freed ? "freed, its memory" : s.state);
      expect(report.has(text), "its state");
      expect(report.has(is_full ? "; slot of 64 bytes\n" : "; slot of 32 bytes\n"), "its slot");
    }
    expect(s.position == nullptr || report.has(s.position), "where in the block");
    expect(report.has("allocated by ") == (is_full && is_block), "who allocated it");
    if (is_full && is_block) expect(report.is_in("allocated by ", make), "allocated elsewhere");
    expect(report.has("released by ") == (is_full && s.is_freed), "who released it");
    if (is_full && s.is_freed) expect(report.is_in("released by ", drop), "released elsewhere");
    expect(report.has("  in thread ") == (s.scene == free_twice_in_thread), "a thread");
    expect(report.leads_to(drop), "the backtrace does not reach who released it");
    const bool is_deep = s.scene == free_twice_far_down;
    if (!is_deep) expect(report.leads_to(s.scene) || report.has("in thread"), "nor its caller");
    expect(report.count("  #") <= 20, "too many frames");
    expect(is_deep == (report.count("  #") == 20), "too few frames");
  }
}

void check_makers() {
  Report by_new, by_memalign;
  run(delete_twice, by_new);
  require(by_new.is_in("allocated by ", delete_twice), "new", "allocated elsewhere", by_new);
  require(by_new.is_in("released by ", drop_object), "delete", "released elsewhere", by_new);
  run(free_aligned_twice, by_memalign);
  require(by_memalign.is_in("allocated by ", free_aligned_twice), "posix_memalign",
          "allocated elsewhere", by_memalign);
}

// What goes wrong in the report itself.
void check_reports() {
  Report report;
  const time_t begin = time(nullptr);
  run(free_twice_while_reporting, report);
  require(time(nullptr) - begin < 4, "nested", "it takes the time of a report that hangs", report);
  const auto aborts = [&] {
    return WIFSIGNALED(report.status) && WTERMSIG(report.status) == SIGABRT;
  };
  require(aborts() && report.count("rsbmalloc:") == 1, "nested", "one fault, and an end", report);
  void (*const alarming[])() = {free_twice_with_alarm_pending, free_twice_under_a_timer};
  for (auto* const scene : alarming) {
    Report alarmed;
    run(scene, alarmed);
    require(WIFSIGNALED(alarmed.status) && WTERMSIG(alarmed.status) == SIGABRT, "alarm",
            "does not abort", alarmed);
    require(alarmed.leads_to(scene), "alarm", "the report ends too soon", alarmed);
  }
  Report of_child;
  run(free_twice_in_child_while_reporting, of_child);
  require(of_child.has("the child aborts") && of_child.count("rsbmalloc: double free") == 1,
          "child", "it waits for a thread of its parent", of_child);
  Report late;
  run(wait_for_ever_while_reporting, late);
  require(WIFSIGNALED(late.status) && WTERMSIG(late.status) == SIGABRT, "late", "no end", late);
  require(late.has("  in a block of "), "late", "what is known at once is not said", late);
}

}  // namespace

int main() {
  *reinterpret_cast<void**>(&next_iterate) = dlsym(RTLD_NEXT, "dl_iterate_phdr");
  const bool is_full = has_full_checks();
  check_scenes(is_full);
  if (is_full) check_makers();
  check_reports();
  return failures == 0 ? 0 : 1;
}
