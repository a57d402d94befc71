// SPDX-License-Identifier: MIT OR Apache-2.0
/* NuttX's settings as they are where nobody changed them. */
#define CONFIG_MM_REGIONS 2
