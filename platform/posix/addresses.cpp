// SPDX-License-Identifier: MIT OR Apache-2.0
#include "addresses.hpp"

#include <errno.h>
#include <string.h>

#include "loaded_object.hpp"

using rsb::platform::any_object;
using rsb::platform::LoadedObject;
using rsb::platform::Writer;

namespace {

struct Place {
  const char* file = "";
  const void* offset = nullptr;
  const char* function = nullptr;  // null: unknown
};

// The one that is exported and begins next before the address, if it reaches so far.
const char* function_at(const LoadedObject& object, const char* address) noexcept {
  LoadedObject::Symbol found{nullptr, nullptr, 0};
  object.any_exported([&](const LoadedObject::Symbol& symbol) {
    const bool is_inside =
        symbol.at <= address && static_cast<size_t>(address - symbol.at) < symbol.bytes;
    if (is_inside && (found.name == nullptr || symbol.at > found.at)) found = symbol;
    return false;
  });
  return found.name;
}

bool find(const void* address, Place& place) noexcept {
  return any_object([&](const LoadedObject& object) {
    if (!object.contains(address)) return false;
    place.file = object.file();
    if (object.is_program()) place.file = program_invocation_name;
    place.offset = reinterpret_cast<const void*>(rsb::bytes_from(object.base(), address));
    place.function = function_at(object, static_cast<const char*>(address));
    return true;
  });
}

const char* base_name(const char* path) noexcept {
  const char* const slash = strrchr(path, '/');
  return slash != nullptr ? slash + 1 : path;
}

// Something in the module that this file is in.
constexpr char here = 0;

}  // namespace

[[gnu::cold]] void rsb::platform::put_instruction(Writer& out, const void* instruction) noexcept {
  constexpr size_t most_of_name = 80;
  out << instruction;
  Place place;
  if (!find(instruction, place)) return;
  (out << " (").put_plain(base_name(place.file), most_of_name);
  out << "+" << place.offset;
  if (place.function != nullptr) (out << " ").put_plain(place.function, most_of_name);
  out << ")";
}

[[gnu::cold]] void rsb::platform::put_call(Writer& out, const void* return_address) noexcept {
  put_instruction(out, static_cast<const char*>(return_address) - 1);
}

bool rsb::platform::is_in_library(const void* instruction) noexcept {
  return any_object([=](const LoadedObject& object) {
    return object.contains(&here) && object.contains(instruction) && !object.is_program();
  });
}
