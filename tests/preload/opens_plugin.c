// SPDX-License-Identifier: MIT OR Apache-2.0
// Opens the library argv[1] for itself alone, and calls the function argv[2].
#include <dlfcn.h>
#include <stdio.h>

int main(int count, char** arguments) {
  if (count < 3) return 1;
  void* const library = dlopen(arguments[1], RTLD_NOW | RTLD_LOCAL);
  if (library == NULL) return puts(dlerror()), 1;
  int (*function)(void);
  *(void**)&function = dlsym(library, arguments[2]);
  return function == NULL ? 1 : function();
}
