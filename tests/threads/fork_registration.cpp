// SPDX-License-Identifier: MIT OR Apache-2.0
// One thread forks, and waits for the heap in its prepare handler; another one registers a handler
// meanwhile, for which glibc allocates under the lock of its list. From 2.36 on the first one wants
// that lock next.
#include <rsb/rsb.h>
#include <stdlib.h>

#include "fork_scenes.hpp"

using namespace forks;

namespace {

std::atomic<bool> is_inside_heap{false};
std::atomic<bool> forks_now{false};
std::atomic<bool> allocates_for_list{false};
thread_local bool registers = false;

void wait_milliseconds(int most, const std::atomic<bool>& until) {
  for (int i = 0; i < most && !until; i++) do_nothing();
}

// A handler is five words in the list, which has room for 48: with the allocator's and one more of
// ours.
constexpr int room = 48;
constexpr size_t bytes_when_full = room * 5 * sizeof(void*);

void fill_list() {
  for (int i = 0; i < room - 2; i++) {
    expect(pthread_atfork(nullptr, nullptr, nullptr) == 0, "pthread_atfork failed");
  }
}

// In a static program dlsym allocates what it says about a name that it does not know. That is
// before the list is locked, and shall not wait for the heap there.
alignas(16) char messages[1024];
size_t messages_used = 0;

bool is_message(const void* block) {
  const char* const p = static_cast<const char*>(block);
  return p >= messages && p < messages + sizeof messages;
}
void* allocate_message(size_t size) {
  char* const block = messages + messages_used;
  messages_used += (size + 15) / 16 * 16;
  expect(messages_used <= sizeof messages, "no room for messages");
  return block;
}

}  // namespace

// The C library's malloc for the list.
extern "C" void* malloc(size_t size) {
  if (registers && size <= bytes_when_full) return allocate_message(size);
  if (registers) {
    allocates_for_list = true;
    // The heap is free in a moment, and the forking thread shall be the first.
    for (int i = 0; i < 200; i++) do_nothing();
  }
  return rsb_malloc(size);
}
extern "C" void free(void* block) {
  if (!is_message(block)) rsb_free(block);
}
extern "C" void* calloc(size_t count, size_t size) {
  return rsb_calloc(count, size);
}
extern "C" void* realloc(void* block, size_t size) {
  return rsb_realloc(block, size);
}

int main() {
  alarm(seconds_until_hung);
  fill_list();
  expect(pthread_atfork([] { forks_now = true; }, nullptr, nullptr) == 0, "pthread_atfork failed");
  void* const kept = rsb_malloc(100);

  pthread_t registrar;
  const auto register_one = [](void*) -> void* {
    while (!forks_now) do_nothing();
    for (int i = 0; i < 20; i++) do_nothing();  // until the fork is in the allocator's handler
    registers = true;
    expect(pthread_atfork(nullptr, nullptr, nullptr) == 0, "pthread_atfork failed");
    registers = false;
    return nullptr;
  };
  pthread_create(&registrar, nullptr, register_one, nullptr);

  // Last: a new thread's memory is from the heap.
  pthread_t walker;
  const auto walk = [](void*) -> void* {
    rsb_walk(
        [](void*, size_t, void*) {
          is_inside_heap = true;
          wait_milliseconds(300, allocates_for_list);
          return 0;
        },
        nullptr);
    return nullptr;
  };
  pthread_create(&walker, nullptr, walk, nullptr);

  while (!is_inside_heap) do_nothing();
  const pid_t child = fork();
  if (child == 0) _exit(0);
  expect_good_end(child);
  pthread_join(registrar, nullptr);
  pthread_join(walker, nullptr);
  expect(allocates_for_list, "the list did not grow: nothing was tried");
  rsb_free(kept);
}
