// SPDX-License-Identifier: MIT OR Apache-2.0
#include <rsb/rsb.h>

static _Alignas(4096) char pool[1 << 20];

const rsb_region rsb_regions[] = {{pool, sizeof pool}, {0, 0}};
