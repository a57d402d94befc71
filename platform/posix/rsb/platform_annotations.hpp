// SPDX-License-Identifier: MIT OR Apache-2.0
// What a heap tells (rsb/annotations.hpp): AddressSanitizer in a program that is compiled with it,
// else Valgrind's memcheck.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#include "rsb/address_annotations.hpp"
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#include "rsb/address_annotations.hpp"
#else
#include "rsb/valgrind_annotations.hpp"
#endif
#else
#include "rsb/valgrind_annotations.hpp"
#endif
