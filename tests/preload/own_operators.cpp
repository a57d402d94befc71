// SPDX-License-Identifier: MIT OR Apache-2.0
// Replaces operator new and plain delete, and leaves sized delete to the C++ library, which calls
// the plain one: nothing is wrong with sizes that are those of no block. As a program, or with
// PLUGIN as a library of which run() is called.
#include <stdlib.h>

#include <new>

namespace {

[[maybe_unused]] char* pool;
[[maybe_unused]] size_t used;
int made, released;

}  // namespace

#if defined(PADDED)

void* operator new(size_t size) {
  made++;
  return malloc(size + 1000);
}
void operator delete(void* block) noexcept {
  released++;
  free(block);
}

#else

void* operator new(size_t size) {
  if (pool == nullptr) pool = static_cast<char*>(malloc(1'000'000));
  void* const block = pool + used;
  used += (size + 15) & ~size_t{15};
  made++;
  return block;
}
void operator delete(void*) noexcept {
  released++;
}

#endif

struct WithCookie {
  int a;
  ~WithCookie() { a = 0; }
};

extern "C" int run() {
  for (int i = 0; i < 10; i++) {
    int* const first = new int;
    WithCookie* const array = new WithCookie[30];
    ::operator delete(first, sizeof(int));
    ::operator delete (::operator new(300), size_t{300});
    delete[] array;
  }
#if !defined(PADDED)
  free(pool);
#endif
  return made == 30 && released == 30 ? 0 : 1;
}

#if !defined(PLUGIN)
int main() {
  return run();
}
#endif
