// SPDX-License-Identifier: MIT OR Apache-2.0
// Sized delete is told another size than new was.
#include <new>

int main() {
  void* const block = ::operator new(64);
  ::operator delete (block, std::size_t{200});
}
