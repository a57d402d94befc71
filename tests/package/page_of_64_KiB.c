// SPDX-License-Identifier: MIT OR Apache-2.0
// The configuration of examples/my_config.hpp is in force.
#include <rsb/rsb.h>

int main(void) {
  return rsb_page_size() == 65536 && rsb_malloc(1) != NULL ? 0 : 1;
}
