// The pointer is the address of a static object.
#include "rsb/rsb.h"

static long object;

int main() {
  rsb_free(&object);
}
