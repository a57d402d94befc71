// SPDX-License-Identifier: MIT OR Apache-2.0
// A program of C++: each operator new and delete, containers, and what happens before main.
#include <stdio.h>
#include <stdlib.h>

#include <new>
#if __has_include(<vector>)  // there are targets without a C++ library
#include <string>
#include <vector>
#endif

#include "check.h"
#include "rsb/rsb.h"

int failures;

namespace {

rsb_stats stats() {
  rsb_stats result;
  rsb_get_stats(&result);
  return result;
}

struct Counted {
  Counted() : number(opaque(malloc(10))) {}
  ~Counted() { free(number); }
  void* number;
};

struct alignas(64) Aligned {
  char bytes[64];
};

Counted before_main;

template <class T>
void once() {
  const size_t before = stats().live_blocks;
  T* const one = static_cast<T*>(opaque(new T));
  T* const some = static_cast<T*>(opaque(new T[3]));
  T* const maybe = static_cast<T*>(opaque(new (std::nothrow) T));
  T* const maybe_some = static_cast<T*>(opaque(new (std::nothrow) T[3]));
  CHECK(stats().live_blocks == before + 4);
  CHECK(rsb_malloc_usable_size(one) >= sizeof(T));
  delete one;
  delete[] some;
  ::operator delete(maybe, std::nothrow);
  delete[] maybe_some;
  CHECK(stats().live_blocks == before);
}

}  // namespace

int main() {
  CHECK(rsb_malloc_usable_size(before_main.number) >= 10);
  printf("live before main: %u bytes\n", static_cast<unsigned>(stats().live_bytes));
  once<int>();
  once<Aligned>();
#if __has_include(<vector>)
  {
    const size_t before = stats().live_blocks;
    std::vector<std::string> lines;
    for (int i = 0; i < 100; i++) lines.push_back(std::string(static_cast<size_t>(20 + i), 'x'));
    CHECK(stats().live_blocks == before + 101);
    CHECK(lines.at(99).size() == 119);
  }
#endif
  CHECK(rsb_check() == nullptr);
  printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
