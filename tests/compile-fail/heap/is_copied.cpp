// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: deleted
#include "config.hpp"

constinit rsb::Heap<Config<>> heap;

#ifdef BROKEN
rsb::Heap<Config<>> copy = heap;
#else
rsb::Heap<Config<>>& reference = heap;
#endif
