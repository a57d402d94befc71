// SPDX-License-Identifier: MIT OR Apache-2.0
// Duktape runs a script.
#include <duktape.h>
#include <setjmp.h>
#include <stdio.h>

#include "program.h"
#include "script.h"

// Duktape collects garbage when a request fails, and tries again, ten times before it throws. There
// is no more to see then, so it is left at the tenth failure: some of its paths behind that do not
// survive.
enum { MOST_FAILURES = 10 };

static jmp_buf out_of_memory;
static duk_size_t failed_bytes;
static int failures;

static void* reallocate(void* unused, void* block, duk_size_t bytes) {
  (void)unused;
  void* const result = program_reallocate(block, bytes);
  if (bytes == 0) return result;
  if (result != NULL) {
    if (bytes == failed_bytes) failures = 0;
    return result;
  }
  failures = bytes == failed_bytes ? failures + 1 : 1;
  failed_bytes = bytes;
  if (failures == MOST_FAILURES) longjmp(out_of_memory, 1);
  return NULL;
}

static void* allocate(void* unused, duk_size_t bytes) {
  return reallocate(unused, NULL, bytes);
}

static void release(void* unused, void* block) {
  (void)unused;
  give_back(block);
}

static void end(void* unused, const char* message) {
  (void)unused;
  (void)message;
  longjmp(out_of_memory, 1);
}

static duk_ret_t compile_and_run(duk_context* context, void* unused) {
  (void)unused;
  duk_compile_lstring(context, DUK_COMPILE_FUNCTION, script, (duk_size_t)(script_end - script));
  duk_pull(context, 0);
  duk_call(context, 1);
  return 1;
}

enum outcome program_run(uint32_t seed, uint32_t* digest) {
  if (setjmp(out_of_memory) != 0) return OUT_OF_MEMORY;
  duk_context* const context = duk_create_heap(allocate, reallocate, release, NULL, end);
  if (context == NULL) return OUT_OF_MEMORY;
  duk_push_uint(context, seed);
  if (duk_safe_call(context, compile_and_run, NULL, 1, 1) == DUK_EXEC_SUCCESS) {
    *digest = duk_get_uint(context, -1);
  } else {
    printf("%s\n", duk_safe_to_string(context, -1));
    return WRONG;
  }
  duk_destroy_heap(context);
  return DONE;
}
