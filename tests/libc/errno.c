// SPDX-License-Identifier: MIT OR Apache-2.0
/* A heap that has no memory and whose configuration sets no errno: the C library's is set all the
 * same. */
#include <errno.h>
#include <stdlib.h>

#include "check.h"

int failures;

int main(void) {
  errno = 0;
  CHECK(opaque(malloc(10)) == NULL);
  CHECK(errno == ENOMEM);
  errno = 0;
  CHECK(opaque(realloc(NULL, 10)) == NULL);
  CHECK(errno == ENOMEM);
  errno = 0;
  CHECK(opaque(aligned_alloc(3, 10)) == NULL);
  CHECK(errno == EINVAL);
  errno = EDOM;
  free(NULL);
  CHECK(errno == EDOM);
  printf("%d failures\n", failures);
  return failures == 0 ? 0 : 1;
}
