// SPDX-License-Identifier: MIT OR Apache-2.0
/* What only newlib has: the functions with a struct _reent, of which each thread may have its own.
 */
#include <errno.h>
#include <malloc.h>
#include <reent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "rsb/rsb.h"

int failures;

static size_t live(void) {
  rsb_stats stats;
  rsb_get_stats(&stats);
  return stats.live_blocks;
}

static void blocks_of_each_function(struct _reent* reent) {
  const size_t before = live();
  void* blocks[] = {
      _malloc_r(reent, 10),      _calloc_r(reent, 3, 7), _realloc_r(reent, NULL, 20),
      _memalign_r(reent, 64, 9), _valloc_r(reent, 10),   _pvalloc_r(reent, 10),
  };
  const size_t count = sizeof blocks / sizeof *blocks;
  CHECK(live() == before + count);
  for (size_t i = 0; i < count; i++) {
    CHECK(blocks[i] != NULL);
    CHECK(_malloc_usable_size_r(reent, opaque(blocks[i])) == rsb_malloc_usable_size(blocks[i]));
  }
  CHECK((uintptr_t)blocks[3] % 64 == 0);
  for (size_t i = 0; i < count; i++) _free_r(reent, blocks[i]);
  CHECK(live() == before);
}

static void errors(struct _reent* reent) {
  const size_t too_much = SIZE_MAX / 2;
  void* const block = _malloc_r(reent, 10);
  reent->_errno = 0;
  CHECK(opaque(_malloc_r(reent, too_much)) == NULL);
  CHECK(reent->_errno == ENOMEM);
  reent->_errno = 0;
  CHECK(opaque(_calloc_r(reent, too_much, 3)) == NULL);
  CHECK(reent->_errno == ENOMEM);
  reent->_errno = 0;
  CHECK(opaque(_realloc_r(reent, block, too_much)) == NULL);
  CHECK(reent->_errno == ENOMEM);
  reent->_errno = 0;
  CHECK(opaque(_memalign_r(reent, 64, too_much)) == NULL);
  CHECK(reent->_errno == ENOMEM);
  reent->_errno = EDOM;
  _free_r(reent, block);
  CHECK(reent->_errno == EDOM);
}

static void statistics(struct _reent* reent) {
  CHECK(_mallinfo_r(reent).uordblks == mallinfo().uordblks);
  CHECK(_mallopt_r(reent, M_TOP_PAD, 0) == 0);
  CHECK(_malloc_trim_r(reent, 0) == 0);
  char title[] = "statistics";
  _malloc_stats_r(reent);
  _mstats_r(reent, title);
  mstats(title);
}

static void lock(struct _reent* reent) {
  __malloc_lock(reent);
  __malloc_lock(reent);
  free(opaque(malloc(10)));
  __malloc_unlock(reent);
  __malloc_unlock(reent);
}

static void streams(void) {
  char* text = NULL;
  size_t bytes = 0;
  FILE* stream = open_memstream(&text, &bytes);
  CHECK(stream != NULL);
  for (int i = 0; i < 200; i++) fprintf(stream, "line %d\n", i);
  fclose(stream);
  CHECK(bytes == 200 * 9 - 100 - 10);
  CHECK(rsb_malloc_usable_size(opaque(text)) >= bytes);

  stream = fmemopen(text, bytes, "r");
  CHECK(stream != NULL);
  char* line = NULL;
  size_t capacity = 0;
  int lines = 0;
  while (__getline(&line, &capacity, stream) > 0) lines++;
  CHECK(lines == 200);
  CHECK(rsb_malloc_usable_size(opaque(line)) >= capacity);
  fclose(stream);
  free(line);
  free(text);
}

int main(void) {
  struct _reent another;
  _REENT_INIT_PTR(&another);
  blocks_of_each_function(_REENT);
  blocks_of_each_function(&another);
  errors(_REENT);
  errors(&another);
  statistics(&another);
  lock(&another);
  streams();
  const size_t before = live(); /* among them what newlib keeps for the next time */
  streams();
  CHECK(live() == before);
  CHECK(rsb_check() == NULL);
  printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
