// SPDX-License-Identifier: MIT OR Apache-2.0
// Fails with: add_window
#include "config.hpp"

#ifdef BROKEN
constexpr rsb::Options options{.map = rsb::Map::radix};
#else
constexpr rsb::Options options{.map = rsb::Map::flat};
#endif
constinit rsb::Heap<Config<options>> heap;

void add(rsb::Window& window) {
  heap.pages().add_window(window);
}
