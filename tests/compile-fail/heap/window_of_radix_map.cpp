// Fails with: set_window
#include "config.hpp"

#ifdef BROKEN
constexpr rsb::Options options{.map = rsb::Map::radix};
#else
constexpr rsb::Options options{.map = rsb::Map::flat};
#endif
constinit rsb::Heap<Config<options>> heap;

bool set(void* base, void* descriptors) {
  return heap.pages().set_window(base, 1 << 20, descriptors);
}
