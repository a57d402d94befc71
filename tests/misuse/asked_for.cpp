// SPDX-License-Identifier: MIT OR Apache-2.0
// A heap with pages is asked RSB_QUESTION, which only a small heap answers.
#include "rsb/rsb.h"

int main() {
  rsb_free(rsb_malloc(24));
  RSB_QUESTION();
}
