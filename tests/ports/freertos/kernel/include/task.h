// SPDX-License-Identifier: MIT OR Apache-2.0
/* As FreeRTOS.h here. */
#ifndef INC_TASK_H
#define INC_TASK_H

#include "FreeRTOS.h"

#ifdef __cplusplus
extern "C" {
#endif

void vTaskSuspendAll(void);
BaseType_t xTaskResumeAll(void);

#ifdef __cplusplus
}
#endif

#endif
