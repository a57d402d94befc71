// SPDX-License-Identifier: MIT OR Apache-2.0
// What the dynamic symbols of the objects that are loaded, the program and its libraries, say about
// operator new and delete. Where nothing else is said no lock is taken under which the dynamic
// linker runs code of others, as dlsym() does.
#pragma once

#include <stddef.h>

namespace rsb::platform {

// Whether GNU's C++ library is the only one, but for this library, that exports any of the
// replaceable operators: else what they return may be anybody's. Linear in all exported symbols.
bool only_cplusplus_library_has_operators() noexcept;

// Operators by their mangled names in GNU's C++ library, wherever that is visible; null: it is not
// loaded, or too old. Linear in what it exports, not in that times `count`.
void find_in_cplusplus_library(const char* const* names, void** found, size_t count) noexcept;

// The number of objects that were ever loaded.
size_t loaded_objects() noexcept;

// The same function as the code at this address finds in its own object and those that it needs, if
// that is not the C++ library's; else null. Waits for whoever loads an object.
void* find_replaced(const char* name, const void* caller) noexcept;

// Whether the code at this address is in an object that calls operators new and delete of others;
// but false for GNU's C++ library itself. Linear in that object's relocations.
bool imports_operators(const void* address) noexcept;

}  // namespace rsb::platform
