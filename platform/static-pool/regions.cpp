// SPDX-License-Identifier: MIT OR Apache-2.0
// No regions known at build time, unless the program defines the table.
#include "rsb/rsb.h"

extern "C" [[gnu::weak]] const rsb_region rsb_regions[] = {{nullptr, 0}};
