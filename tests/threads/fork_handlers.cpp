// SPDX-License-Identifier: MIT OR Apache-2.0
// fork beside what else takes locks or allocates while a process forks: handlers of libraries that
// were registered before the allocator's or after, stdio, other registrations, other ways to make
// processes. Usage: fork_handlers <scene>.
#include <spawn.h>
#include <stdio.h>

#include "fork_library.hpp"
#include "fork_scenes.hpp"

using namespace forks;

// There if malloc has been replaced.
extern "C" [[gnu::weak]] void* rsb_malloc(size_t);
extern "C" [[gnu::weak]] const char* rsb_check(void);
extern "C" [[gnu::weak]] size_t rsb_trim(void);

namespace {

void allocate_some() {
  for (size_t size = 1; size < 300'000; size = size * 3 / 2 + 1) {
    char* const block = static_cast<char*>(malloc(size));
    expect(block != nullptr, "malloc failed");
    block[0] = block[size - 1] = 1;
    char* const longer = static_cast<char*>(realloc(block, 2 * size));
    expect(longer != nullptr && longer[0] == 1, "realloc failed");
    free(longer);
  }
}

void allocate_and_look() {
  allocate_some();
  rsb_trim();
  if (const char* const wrong = rsb_check()) fail(wrong);
}

// As much as a program's child does, with a thread of its own.
[[noreturn]] void be_child() {
  alarm(seconds_until_hung);
  allocate_and_look();
  pthread_t thread;
  const auto work = [](void*) -> void* {
    allocate_some();
    return nullptr;
  };
  expect(pthread_create(&thread, nullptr, work, nullptr) == 0, "no thread in the child");
  pthread_join(thread, nullptr);
  allocate_and_look();
  _exit(0);
}

void fork_once() {
  const pid_t child = fork();
  if (child == 0) be_child();
  expect_good_end(child);
}

void handlers_allocate() {
  library_handler = allocate_and_look;
  const Thread other(do_nothing);
  for (int i = 0; i < 5; i++) fork_once();
  expect(library_handlers_run == 10, "the library's handlers did not run");
}

void handlers_allocate_in_one_thread() {
  library_handler = allocate_and_look;
  for (int i = 0; i < 5; i++) fork_once();
  expect(library_handlers_run == 10, "the library's handlers did not run");
}

// Registered last: its prepare handler runs first, and the others last.
void handlers_registered_late_allocate() {
  expect(pthread_atfork(allocate_and_look, allocate_and_look, allocate_and_look) == 0,
         "pthread_atfork failed");
  handlers_allocate();
}

// Other threads allocate while they hold what a handler waits for.
void a_handler_takes_a_mutex() {
  const auto allocate_under_mutex = [] {
    pthread_mutex_lock(&library_mutex);
    for (size_t i = 0; i < 50; i++) free(malloc(100 + i * 64));
    pthread_mutex_unlock(&library_mutex);
    give_way();
  };
  const Thread other(allocate_under_mutex);
  for (int i = 0; i < 100; i++) {
    const pid_t child = fork();
    if (child == 0) _exit(0);
    expect_good_end(child);
  }
}

// One thread reads lines, for which it allocates under the lock of a stream, one flushes all
// streams, for which it waits for that under the lock of their list, and one forks.
void while_lines_are_read_and_streams_flushed() {
  static FILE* lines;
  static char text[64 * 1024];
  memset(text, 'x', sizeof text - 1);
  for (size_t i = 500; i < sizeof text; i += 500) text[i] = '\n';
  lines = fmemopen(text, sizeof text, "r");
  expect(lines != nullptr, "fmemopen failed");
  const auto read_line = [] {
    char* line = nullptr;
    size_t room = 0;
    if (getline(&line, &room, lines) < 0) rewind(lines);
    free(line);
    give_way();
  };
  const Thread reader(read_line);
  const Thread flusher([] {
    fflush(nullptr);
    give_way();
  });
  const Thread other(allocate_some);  // so that getline has to wait for the heap's lock
  for (int i = 0; i < 100; i++) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(seconds_until_hung);
      fflush(nullptr);
      free(malloc(1000));
      _exit(0);
    }
    expect_good_end(child);
  }
}

// In a child, whose copies of the locks have to be free. (Who waits for whom when the list grows is
// in fork_registration.cpp.)
[[noreturn]] void register_while_forking() {
  alarm(seconds_until_hung);
  {
    const Thread registrar([] {
      static int registered = 0;
      if (registered++ == 260) {
        stop = true;
        return;
      }
      expect(pthread_atfork(nullptr, nullptr, nullptr) == 0, "pthread_atfork failed");
      give_way();
    });
    while (!stop) {
      const pid_t child = fork();
      if (child == 0) _exit(0);
      expect_good_end(child);
    }
  }
  _exit(0);
}

void while_handlers_are_registered() {
  const pid_t child = fork();
  if (child == 0) register_while_forking();
  expect_good_end(child);
}

void a_child_forks_again() {
  library_handler = allocate_some;
  const Thread other(allocate_some);
  for (int i = 0; i < 5; i++) {
    const pid_t child = fork();
    if (child == 0) {
      fork_once();
      be_child();
    }
    expect_good_end(child);
  }
}

// In destructors of thread-specific data, before that of the allocator's or after.
void while_a_thread_ends() {
  library_handler = allocate_some;
  const Thread other(allocate_some);
  static pthread_key_t keys[2];
  const auto fork_and_allocate = [](void*) {
    fork_once();
    allocate_some();
  };
  pthread_key_create(&keys[0], fork_and_allocate);
  free(malloc(100));
  pthread_key_create(&keys[1], fork_and_allocate);
  for (int i = 0; i < 3; i++) {
    const auto work = [](void*) -> void* {
      allocate_some();
      for (const pthread_key_t key : keys) pthread_setspecific(key, keys);
      return nullptr;
    };
    pthread_t thread;
    expect(pthread_create(&thread, nullptr, work, nullptr) == 0, "pthread_create failed");
    pthread_join(thread, nullptr);
  }
}

[[gnu::noinline]] pid_t run_by_vfork() {
  const pid_t child = vfork();
  if (child == 0) {
    execlp("true", "true", nullptr);
    _exit(1);
  }
  return child;
}

// Those run no handlers, or glibc does not say so.
void other_ways_to_make_processes() {
  library_handler = allocate_some;
  const Thread other(allocate_some);
  const Thread flusher([] { fflush(nullptr); });
  for (int i = 0; i < 5; i++) {
    expect(system("true") == 0, "system failed");

    FILE* const output = popen("echo 1234", "r");
    expect(output != nullptr, "popen failed");
    char text[8] = {};
    expect(fgets(text, sizeof text, output) != nullptr && strcmp(text, "1234\n") == 0,
           "popen read something else");
    expect(pclose(output) == 0, "pclose failed");

    char name[] = "true";
    char* const arguments[] = {name, nullptr};
    pid_t child = 0;
    expect(posix_spawnp(&child, name, nullptr, nullptr, arguments, environ) == 0,
           "posix_spawnp failed");
    expect_good_end(child);

    expect_good_end(run_by_vfork());
    fork_once();
  }
}

struct Scene {
  const char* name;
  void (*play)();
};

constexpr Scene scenes[] = {
    {"handlers_allocate", handlers_allocate},
    {"handlers_allocate_in_one_thread", handlers_allocate_in_one_thread},
    {"handlers_registered_late_allocate", handlers_registered_late_allocate},
    {"a_handler_takes_a_mutex", a_handler_takes_a_mutex},
    {"while_lines_are_read_and_streams_flushed", while_lines_are_read_and_streams_flushed},
    {"while_handlers_are_registered", while_handlers_are_registered},
    {"a_child_forks_again", a_child_forks_again},
    {"while_a_thread_ends", while_a_thread_ends},
    {"other_ways_to_make_processes", other_ways_to_make_processes},
};

}  // namespace

int main(int argc, char** argv) {
  alarm(seconds_until_hung);
  expect(argc == 2, "usage: fork_handlers <scene>");
  expect(&rsb_malloc != nullptr && &rsb_check != nullptr, "malloc is not rsbmalloc's");
  for (const Scene& scene : scenes) {
    if (strcmp(scene.name, argv[1]) != 0) continue;
    scene.play();
    if (const char* const wrong = rsb_check()) fail(wrong);
    return 0;
  }
  fail("no such scene");
}
