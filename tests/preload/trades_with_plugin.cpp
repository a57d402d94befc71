// SPDX-License-Identifier: MIT OR Apache-2.0
// The library argv[1] has the C++ library inside itself. What it makes is deleted here, and the
// reverse: both go to malloc() and free(), and so all is well.
#include <dlfcn.h>

#include <new>

int main(int, char** arguments) {
  void* const library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) return 1;
  const auto make = reinterpret_cast<void* (*)()>(dlsym(library, "make"));
  const auto release = reinterpret_cast<void (*)(void*)>(dlsym(library, "release"));
  for (int i = 0; i < 10; i++) {
    ::operator delete(make());
    ::operator delete (make(), std::size_t{100});
    release(::operator new(100));
    release(::operator new[](100));
  }
  return 0;
}
