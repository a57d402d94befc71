// SPDX-License-Identifier: MIT OR Apache-2.0
#define BACKTRACE_PTR_FMT_WIDTH 20
