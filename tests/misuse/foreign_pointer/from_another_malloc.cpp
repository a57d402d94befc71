// The block comes from the C library's malloc.
#include <stdlib.h>

#include "rsb/rsb.h"

int main() {
  rsb_free(malloc(24));
}
