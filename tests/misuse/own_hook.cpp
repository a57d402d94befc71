// A fault hook of the program's own, in place of the default one.
#include <unistd.h>

#include "rsb/rsb.h"

extern "C" void rsb_fault(rsb_fault_kind kind, const void*) {
  const char* const sentence = rsb_fault_name(kind);
  size_t length = 0;
  while (sentence[length] != '\0') length++;
  if (write(STDOUT_FILENO, sentence, length) < 0 || write(STDOUT_FILENO, "\n", 1) < 0) _exit(1);
  _exit(100 + kind);
}
