// SPDX-License-Identifier: MIT OR Apache-2.0
// Sized, aligned delete is told another alignment than new was.
#include <new>

int main() {
  void* const block = ::operator new (48, std::align_val_t{16});
  ::operator delete (block, std::size_t{48}, std::align_val_t{256});
}
