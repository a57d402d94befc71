// SPDX-License-Identifier: MIT OR Apache-2.0
#include "loaded_objects.hpp"

#include <dlfcn.h>
#include <string.h>

#include "loaded_object.hpp"

using rsb::platform::LoadedObject;

namespace {

bool is_cplusplus_library(const LoadedObject& object) noexcept {
  const char* const name = object.soname();
  return name != nullptr && strcmp(name, "libstdc++.so.6") == 0;
}

// Names of the operators that a program may replace, of whatever type size_t is:
// _Znw or _Zna, size, and nothing, alignment, nothrow or both; _ZdlPv or _ZdaPv with them.
bool is_operator(const char* name) noexcept {
  if (strncmp(name, "_Zn", 3) == 0 && (name[3] == 'w' || name[3] == 'a') && name[4] != '\0') {
    name += 5;
  } else if (strncmp(name, "_ZdlPv", 6) == 0 || strncmp(name, "_ZdaPv", 6) == 0) {
    name += 6;
    if (*name == 'm' || *name == 'j') name++;
  } else {
    return false;
  }
  constexpr char alignment[] = "St11align_val_t";
  if (strncmp(name, alignment, sizeof alignment - 1) == 0) name += sizeof alignment - 1;
  return *name == '\0' || strcmp(name, "RKSt9nothrow_t") == 0;
}

// Something in this library.
constexpr char here = 0;

}  // namespace

bool rsb::platform::only_cplusplus_library_has_operators() noexcept {
  return !any_object([](const LoadedObject& object) {
    if (is_cplusplus_library(object) || object.contains(&here)) return false;
    return object.any_exported(
        [](const LoadedObject::Symbol& symbol) { return is_operator(symbol.name); });
  });
}

void rsb::platform::find_in_cplusplus_library(const char* const* names, void** found,
                                              size_t count) noexcept {
  for (size_t i = 0; i < count; i++) found[i] = nullptr;
  any_object([&](const LoadedObject& object) {
    if (!is_cplusplus_library(object)) return false;
    object.any_exported([&](const LoadedObject::Symbol& symbol) {
      if (!is_operator(symbol.name)) return false;
      for (size_t i = 0; i < count; i++) {
        if (strcmp(symbol.name, names[i]) == 0) found[i] = const_cast<char*>(symbol.at);
      }
      return false;
    });
    return true;
  });
}

size_t rsb::platform::loaded_objects() noexcept {
  size_t count = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* result) {
        *static_cast<size_t*>(result) = static_cast<size_t>(info->dlpi_adds);
        return 1;
      },
      &count);
  return count;
}

void* rsb::platform::find_replaced(const char* name, const void* caller) noexcept {
#if defined(__GLIBC__)
  Dl_info info;
  void* object = nullptr;
  if (dladdr1(caller, &info, &object, RTLD_DL_LINKMAP) == 0 || object == nullptr) return nullptr;
  void* const found = dlsym(object, name);
  void* theirs;
  find_in_cplusplus_library(&name, &theirs, 1);
  return found != theirs ? found : nullptr;
#else
  static_cast<void>(name), static_cast<void>(caller);
  return nullptr;
#endif
}

bool rsb::platform::imports_operators(const void* address) noexcept {
  return any_object([=](const LoadedObject& object) {
    if (!object.contains(address) || is_cplusplus_library(object)) return false;
    return object.any_imported([](const char* name) { return is_operator(name); });
  });
}
