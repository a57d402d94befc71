// SPDX-License-Identifier: MIT OR Apache-2.0
// A library opened with RTLD_DEEPBIND looks for malloc in itself and in what it was linked with
// before it looks in what was preloaded. Usage: deepbind PLUGIN SCENE.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plugin.h"

static void* find(void* library, const char* name) {
  void* const found = dlsym(library, name);
  if (found == NULL) {
    puts(dlerror());
    exit(2);
  }
  return found;
}

int main(int count, char** arguments) {
  if (count != 3) return 2;
  void* const library = dlopen(arguments[1], RTLD_NOW | RTLD_DEEPBIND);
  if (library == NULL) {
    puts(dlerror());
    return 2;
  }
  const struct plugin* const plugin = find(library, "plugin");
  const char* const scene = arguments[2];
  if (strcmp(scene, "keeps_to_itself") == 0) {
    void* blocks[1000];
    for (size_t i = 0; i < 1000; i++) blocks[i] = memset(plugin->allocate(i + 1), 1, i + 1);
    for (size_t i = 0; i < 1000; i++) plugin->release(blocks[i]);
  } else if (strcmp(scene, "hands_out") == 0) {
    free(plugin->allocate(100));
  } else if (strcmp(scene, "takes_in") == 0) {
    plugin->release(malloc(100));
  } else if (strcmp(scene, "frees_what_the_c_library_allocates") == 0) {
    plugin->print_and_release(7);
  } else {
    return 2;
  }
  return 0;
}
