// SPDX-License-Identifier: MIT OR Apache-2.0
// What the heap calls, where there is but one task.
#include "task.h"

void vTaskSuspendAll(void) {}
BaseType_t xTaskResumeAll(void) {
  return 0;
}
void test_enter_critical(void) {}
void test_exit_critical(void) {}
