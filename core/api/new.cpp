// SPDX-License-Identifier: MIT OR Apache-2.0
// All replaceable operator new and delete (C++20, [new.delete]), without exceptions.
//
// Exhausted plain new, after the out-of-memory handler has given up: Fault::out_of_memory, since it
// may neither return null nor throw here. The nothrow forms return null. There is no
// std::new_handler without the C++ library; rsb_set_out_of_memory_handler() takes its place.
#include "instance.hpp"

namespace std {
enum class align_val_t : size_t {};
struct nothrow_t;
}  // namespace std

namespace {

using rsb::Made;

void* or_fault(void* block) noexcept {
  if (block == nullptr) [[unlikely]]
    rsb::raise(rsb::Fault::out_of_memory, nullptr);
  return block;
}

}  // namespace

#pragma GCC visibility push(default)

// What a linker is told to look for, so that all of this file is linked (see CMakeLists.txt).
extern "C" const char rsb_replaces_new = 1;

void* operator new(size_t n) {
  return or_fault(rsb::allocate_by(Made::by_new, n));
}
void* operator new[](size_t n) {
  return or_fault(rsb::allocate_by(Made::by_new_array, n));
}
void* operator new(size_t n, std::align_val_t a) {
  return or_fault(rsb::allocate_by(Made::by_new, n, static_cast<size_t>(a)));
}
void* operator new[](size_t n, std::align_val_t a) {
  return or_fault(rsb::allocate_by(Made::by_new_array, n, static_cast<size_t>(a)));
}

void* operator new(size_t n, const std::nothrow_t&) noexcept {
  return rsb::allocate_by(Made::by_new, n);
}
void* operator new[](size_t n, const std::nothrow_t&) noexcept {
  return rsb::allocate_by(Made::by_new_array, n);
}
void* operator new(size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return rsb::allocate_by(Made::by_new, n, static_cast<size_t>(a));
}
void* operator new[](size_t n, std::align_val_t a, const std::nothrow_t&) noexcept {
  return rsb::allocate_by(Made::by_new_array, n, static_cast<size_t>(a));
}

void operator delete(void* p) noexcept {
  rsb::deallocate_by(Made::by_new, p);
}
void operator delete[](void* p) noexcept {
  rsb::deallocate_by(Made::by_new_array, p);
}
void operator delete(void* p, std::align_val_t) noexcept {
  rsb::deallocate_by(Made::by_new, p);
}
void operator delete[](void* p, std::align_val_t) noexcept {
  rsb::deallocate_by(Made::by_new_array, p);
}
void operator delete(void* p, const std::nothrow_t&) noexcept {
  rsb::deallocate_by(Made::by_new, p);
}
void operator delete[](void* p, const std::nothrow_t&) noexcept {
  rsb::deallocate_by(Made::by_new_array, p);
}
void operator delete(void* p, std::align_val_t, const std::nothrow_t&) noexcept {
  rsb::deallocate_by(Made::by_new, p);
}
void operator delete[](void* p, std::align_val_t, const std::nothrow_t&) noexcept {
  rsb::deallocate_by(Made::by_new_array, p);
}

void operator delete(void* p, size_t n) noexcept {
  rsb::deallocate_by(Made::by_new, p, n);
}
void operator delete[](void* p, size_t n) noexcept {
  rsb::deallocate_by(Made::by_new_array, p, n);
}
void operator delete(void* p, size_t n, std::align_val_t a) noexcept {
  rsb::deallocate_by(Made::by_new, p, n, static_cast<size_t>(a));
}
void operator delete[](void* p, size_t n, std::align_val_t a) noexcept {
  rsb::deallocate_by(Made::by_new_array, p, n, static_cast<size_t>(a));
}

#pragma GCC visibility pop
