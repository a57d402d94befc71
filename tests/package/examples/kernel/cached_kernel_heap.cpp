#include "cached_kernel_heap.hpp"

constinit rsb::CachedHeap<CachedKernel> kernel_heap;
