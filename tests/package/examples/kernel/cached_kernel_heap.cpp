// SPDX-License-Identifier: MIT OR Apache-2.0
#include "cached_kernel_heap.hpp"

constinit rsb::CachedHeap<CachedKernel> kernel_heap;
