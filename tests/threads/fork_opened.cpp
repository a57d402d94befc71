// SPDX-License-Identifier: MIT OR Apache-2.0
// fork in a program that has opened the shared library by dlopen, and allocates from it by the
// prefixed names. Handlers that were registered before are called while the heap is locked for the
// fork: they may allocate. Usage: fork_opened <librsbmalloc.so>.
#include <dlfcn.h>

#include "fork_library.hpp"
#include "fork_scenes.hpp"

using namespace forks;

namespace {

void* (*opened_malloc)(size_t);
void (*opened_free)(void*);
const char* (*opened_check)();
size_t (*opened_trim)();

template <class Function>
void find(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(dlsym(library, name));
  expect(function != nullptr, name);
}

void allocate_from_opened() {
  void* blocks[40];
  for (size_t size : {8u, 100u, 3000u, 20'000u, 1'000'000u}) {
    for (void*& block : blocks) {
      block = opened_malloc(size);
      expect(block != nullptr, "rsb_malloc failed");
      memset(block, 1, 8);
    }
    for (void* block : blocks) opened_free(block);
    if (const char* const wrong = opened_check()) fail(wrong);
  }
  opened_trim();
}

}  // namespace

int main(int argc, char** argv) {
  expect(argc == 2, "usage: fork_opened <librsbmalloc.so>");
  alarm(seconds_until_hung);
  void* const library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
  expect(library != nullptr, "dlopen failed");
  find(library, "rsb_malloc", opened_malloc);
  find(library, "rsb_free", opened_free);
  find(library, "rsb_check", opened_check);
  find(library, "rsb_trim", opened_trim);
  library_handler = allocate_from_opened;
  const Thread other([] { opened_free(opened_malloc(1000)); });
  const Thread third([] {
    void* const block = opened_malloc(30'000);
    do_nothing();
    opened_free(block);
  });
  for (int i = 0; i < 10; i++) {
    const pid_t child = fork();
    if (child == 0) {
      alarm(seconds_until_hung);
      allocate_from_opened();
      _exit(0);
    }
    expect_good_end(child);
  }
}
