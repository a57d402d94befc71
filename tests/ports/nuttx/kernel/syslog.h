// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef SYSLOG_H
#define SYSLOG_H

#define LOG_EMERG 0
#define LOG_WARNING 4
#define LOG_INFO 6

#ifdef __cplusplus
extern "C" {
#endif
void syslog(int priority, const char* format, ...) __attribute__((format(printf, 2, 3)));
#ifdef __cplusplus
}
#endif

#endif
