// SPDX-License-Identifier: MIT OR Apache-2.0
// Inputs tried on page maps of all shapes beside their models. Who includes this defines HOLDS
// before.
#pragma once

#include "fuzz/flat_map_model.hpp"
#include "fuzz/radix_map_model.hpp"
#include "fuzz/trial.hpp"

namespace fuzz {

constexpr rsb::Options map_options(size_t page_size, unsigned address_bits, unsigned leaf_bits,
                                   unsigned inner_bits) {
  return {.page_size = page_size,
          .span_size = page_size,
          .address_bits = address_bits,
          .radix_leaf_bits = leaf_bits,
          .radix_inner_bits = inner_bits};
}

template <rsb::Options options>
void try_on_map(const uint8_t* bytes, size_t count) {
  using Ask = MapRequest::Ask;
  constexpr bool is_flat = options.map == rsb::Map::flat;
  static constexpr Ask of_trees[] = {
      Ask::cover, Ask::look, Ask::cover_piecemeal, Ask::install_stale, Ask::nodes_scarce,
  };
  static constexpr Ask of_flat_ones[] = {
      Ask::add_region,
      Ask::look,
      Ask::add_window,
      Ask::remove_region,
  };
  const auto make = [&](auto model, const auto& asks) {
    make_requests<MapRequest>(bytes, count, asks, 15,
                              [&](const MapRequest& r) { model->apply(r); });
    model->finish();
  };
  if constexpr (is_flat) make(std::make_unique<FlatMapModel<options>>(), of_flat_ones);
  if constexpr (!is_flat) make(std::make_unique<RadixMapModel<options>>(), of_trees);
}

inline void try_on_page_maps(const uint8_t* bytes, size_t count) {
  using rsb::KiB, rsb::MiB;
  if (count == 0) return;
  const uint8_t which = *bytes++;
  count--;
  switch (which % 9) {
    case 0:  // without an inner level: a direct map
      return try_on_map<map_options(4 * KiB, 35, 9, 0)>(bytes, count);
    case 1:
      return try_on_map<map_options(4 * KiB, 28, 4, 5)>(bytes, count);
    case 2:  // all that a process may have
      return try_on_map<map_options(16 * KiB, 48, 9, 12)>(bytes, count);
    case 3:
      return try_on_map<map_options(64 * KiB, 57, 9, 16)>(bytes, count);
    case 4:  // all bits; no heap has such pages, but smaller ones would need too large a root
      return try_on_map<map_options(16 * MiB, 64, 10, 14)>(bytes, count);
    case 5:  // a page for each leaf
      return try_on_map<map_options(4 * KiB, 28, 0, 8)>(bytes, count);
    case 6:  // windows down to one page
      return try_on_map<map_options(64, 26, 6, 5)>(bytes, count);
    case 7:
      return try_on_map<rsb::Options{
          .page_size = 256, .span_size = 1 * KiB, .map = rsb::Map::flat}>(bytes, count);
    case 8:
      return try_on_map<rsb::Options{
          .page_size = 64, .span_size = 256, .map = rsb::Map::flat, .removable_regions = 1}>(bytes,
                                                                                             count);
  }
}

}  // namespace fuzz
