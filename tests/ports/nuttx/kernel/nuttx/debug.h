// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef NUTTX_DEBUG_H
#define NUTTX_DEBUG_H

#include <syslog.h>

#define _alert(...) syslog(LOG_EMERG, __VA_ARGS__)
#define mwarn(...) syslog(LOG_WARNING, __VA_ARGS__)

#endif
