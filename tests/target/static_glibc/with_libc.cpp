// SPDX-License-Identifier: MIT OR Apache-2.0
// A program that uses what a hosted program uses, all on the one heap.
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "rsb/rsb.h"

// There only if glibc's allocator has been linked.
extern "C" [[gnu::weak]] void* __libc_malloc(size_t);

namespace {

size_t live_blocks() {
  rsb_stats stats;
  rsb_get_stats(&stats);
  return stats.live_blocks;
}

void require(bool condition, const char* what) {
  if (condition) return;
  fprintf(stderr, "%s\n", what);
  exit(1);
}

void use_containers() {
  std::map<std::string, std::vector<int>> map;
  for (int i = 0; i < 2000; i++) map[std::to_string(i % 100) + " as a long string"].push_back(i);
  require(map.size() == 100, "a map holds what was put into it");
}

struct alignas(128) Wide {
  char bytes[200];
};

}  // namespace

int main() {
  require(&__libc_malloc == nullptr, "glibc's malloc is not part of the program");
  const size_t before = live_blocks();
  void* const block = malloc(100);
  require(live_blocks() == before + 1, "malloc is rsbmalloc's");
  require(malloc_usable_size(block) == rsb_malloc_usable_size(block), "so is malloc_usable_size");
  free(block);
  char* const volatile copy = strdup("allocated by the C library");
  require(live_blocks() == before + 1, "the C library allocates here");
  free(copy);
  delete new int(3);
  const auto wide = std::make_unique<Wide>();
  require(reinterpret_cast<size_t>(wide.get()) % 128 == 0, "aligned new is aligned");
  void* aligned = nullptr;
  require(posix_memalign(&aligned, 4096, 10) == 0, "posix_memalign works");
  free(aligned);

  std::vector<std::thread> threads;
  for (int i = 0; i < 4; i++) threads.emplace_back(use_containers);
  for (std::thread& thread : threads) thread.join();
  use_containers();

  char* line = nullptr;
  size_t capacity = 0;
  FILE* const file = fopen("/proc/self/maps", "r");
  while (getline(&line, &capacity, file) > 0) {
  }
  require(rsb_malloc_usable_size(line) >= capacity, "getline allocates here");
  free(line);
  fclose(file);
  require(rsb_check() == nullptr, "every invariant holds");
  puts("good");
}
