// SPDX-License-Identifier: MIT OR Apache-2.0
// All forms of new and delete, and containers of the kinds that programs have, without any library.
#include "rsb/allocator.hpp"
#include "rsb/rsb.h"
#include "runtime.hpp"
#include "tree.hpp"

namespace std {
enum class align_val_t : size_t {};
struct nothrow_t {};
const nothrow_t nothrow{};
}  // namespace std
void* operator new(size_t, const std::nothrow_t&) noexcept;
void* operator new[](size_t, const std::nothrow_t&) noexcept;
void* operator new(size_t, std::align_val_t, const std::nothrow_t&) noexcept;
void* operator new[](size_t, std::align_val_t, const std::nothrow_t&) noexcept;
void operator delete(void*, const std::nothrow_t&) noexcept;
void operator delete[](void*, const std::nothrow_t&) noexcept;
void operator delete(void*, std::align_val_t, const std::nothrow_t&) noexcept;
void operator delete[](void*, std::align_val_t, const std::nothrow_t&) noexcept;
void operator delete(void*, size_t) noexcept;
void operator delete[](void*, size_t) noexcept;
void operator delete(void*, size_t, std::align_val_t) noexcept;
void operator delete[](void*, size_t, std::align_val_t) noexcept;
void operator delete(void*, std::align_val_t) noexcept;
void operator delete[](void*, std::align_val_t) noexcept;
void* operator new(size_t, std::align_val_t);
void* operator new[](size_t, std::align_val_t);

namespace {

struct Shape {
  virtual ~Shape() {}
  virtual int area() const = 0;
};
struct Square : Shape {
  explicit Square(int new_side) : side(new_side) {}
  int area() const override { return side * side; }
  int side;
};
struct Blob : Shape {
  int area() const override { return 1; }
  char bytes[1000] = {};
};
struct alignas(256) Aligned {
  char bytes[300];
};
struct Counted {
  Counted() { live++; }
  ~Counted() { live--; }
  static inline int live = 0;
  int value = 7;
};

// A growing array that takes its memory from an allocator.
template <class T, class Allocator = rsb::Allocator<T>>
class Array {
 public:
  ~Array() { release(); }
  void append(T value) {
    if (size_ == capacity_) grow();
    at_[size_++] = value;
  }
  T operator[](size_t i) const { return at_[i]; }

 private:
  void grow() {
    const size_t capacity = capacity_ == 0 ? 1 : 2 * capacity_;
    T* const larger = Allocator().allocate(capacity);
    for (size_t i = 0; i < size_; i++) larger[i] = at_[i];
    release();
    at_ = larger;
    capacity_ = capacity;
  }
  void release() {
    if (at_ != nullptr) Allocator().deallocate(at_, capacity_);
  }
  T* at_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
};

void objects() {
  Shape* shapes[200];
  for (int i = 0; i < 200; i++) {
    if (i % 2 == 0) {
      shapes[i] = new Square(i);
    } else {
      shapes[i] = new Blob;
    }
  }
  for (int i = 0; i < 200; i++) REQUIRE(shapes[i]->area() == (i % 2 == 0 ? i * i : 1));
  for (Shape* shape : shapes) delete shape;

  Aligned* const one = new Aligned;
  Aligned* const more = new Aligned[5];
  REQUIRE(is_aligned_to(one, 256));
  REQUIRE(is_aligned_to(more, 256));
  fill(more, 5 * sizeof(Aligned), 0x5a);
  delete one;
  delete[] more;

  Counted* const counted = new Counted[1000];
  REQUIRE(Counted::live == 1000 && counted[999].value == 7);
  delete[] counted;
  REQUIRE(Counted::live == 0);
}

void containers() {
  Array<int> ints;
  Array<Shape*> pointers;
  Square square(3);
  for (int i = 0; i < 100'000; i++) ints.append(i);
  for (int i = 0; i < 1'000; i++) pointers.append(&square);
  for (int i = 0; i < 100'000; i++) REQUIRE(ints[static_cast<size_t>(i)] == i);
  REQUIRE(pointers[999]->area() == 9);

  unsigned key = 1;
  Node* const tree = new Node(0x80000000u);
  for (int i = 0; i < 5'000; i++) tree->insert(key = key * 1664525u + 1013904223u);
  REQUIRE(tree->count() == 5'001);
  delete tree;
}

void all_forms() {
  constexpr std::align_val_t wide{4096};
  for (size_t bytes = 0; bytes < 1'000'000; bytes = bytes * 3 + 1) {
    operator delete(operator new(bytes));
    operator delete[](operator new[](bytes));
    operator delete(operator new(bytes), bytes);
    operator delete[](operator new[](bytes), bytes);
    operator delete(operator new(bytes, wide), wide);
    operator delete[](operator new[](bytes, wide), wide);
    operator delete(operator new(bytes, wide), bytes, wide);
    operator delete[](operator new[](bytes, wide), bytes, wide);
    operator delete(operator new(bytes, std::nothrow), std::nothrow);
    operator delete[](operator new[](bytes, std::nothrow), std::nothrow);
    operator delete(operator new(bytes, wide, std::nothrow), wide, std::nothrow);
    operator delete[](operator new[](bytes, wide, std::nothrow), wide, std::nothrow);
  }
  volatile size_t too_much = size_t{1} << 62;
  REQUIRE(operator new(too_much, std::nothrow) == nullptr);
  REQUIRE(operator new[](too_much, std::nothrow) == nullptr);
  REQUIRE(operator new(too_much, wide, std::nothrow) == nullptr);
  operator delete(nullptr);
  operator delete[](nullptr, size_t{3});
}

}  // namespace

extern "C" int main() {
  objects();
  containers();
  all_forms();
  REQUIRE(rsb_check() == nullptr);
  rsb_stats stats;
  rsb_get_stats(&stats);
  REQUIRE(stats.live_blocks == 0);
  return 0;
}
