// SPDX-License-Identifier: MIT OR Apache-2.0
#define _GNU_SOURCE
#include "plugin.h"

#include <stdio.h>
#include <stdlib.h>

static void print_and_release(int number) {
  char* text;
  if (asprintf(&text, "number %d", number) < 0) abort();
  free(text);
}

extern const struct plugin plugin;
const struct plugin plugin = {malloc, free, print_and_release};
