// SPDX-License-Identifier: MIT OR Apache-2.0
// A program that knows nothing of this library, one bug or none: argv[1] says which.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <memory>
#include <new>
#include <string>
#include <vector>

namespace {

using Alignment = std::align_val_t;

struct Base {
  int a;
};
struct Derived : Base {
  char b;
};
struct LargeDerived : Base {
  char b[100];
};
struct Virtual {
  virtual ~Virtual() = default;
};
struct VirtualDerived : Virtual {
  char b[100];
};
struct alignas(64) OverAligned {
  char a[100];
};
struct WithCookie {
  int a;
  ~WithCookie() { a = 0; }
};
struct WithOwnNew {
  char a[40];
  static void* operator new(size_t size) { return malloc(size + 1000); }
  static void operator delete(void* block) { free(block); }
};

void release_all_as_made() {
  for (size_t n = 0; n < 40'000; n += 1 + n / 8) {
    ::operator delete(::operator new(n));
    ::operator delete(::operator new(n), n);
    ::operator delete[](::operator new[](n));
    ::operator delete[](::operator new[](n), n);
    ::operator delete(::operator new(n, std::nothrow), std::nothrow);
    ::operator delete(::operator new(n, std::nothrow), n);
    ::operator delete[](::operator new[](n, std::nothrow), std::nothrow);
    for (size_t a = 1; a <= 65'536; a *= 4) {
      const Alignment alignment{a};
      ::operator delete(::operator new(n, alignment), alignment);
      ::operator delete(::operator new(n, alignment), n, alignment);
      ::operator delete[](::operator new[](n, alignment), alignment);
      ::operator delete[](::operator new[](n, alignment), n, alignment);
      ::operator delete(::operator new(n, alignment, std::nothrow), alignment, std::nothrow);
    }
  }
}

void release_objects() {
  delete new OverAligned;
  delete[] new OverAligned[3];
  delete[] new WithCookie[5];
  delete new WithOwnNew;
  delete static_cast<Virtual*>(new VirtualDerived);
  delete static_cast<int*>(nullptr);
  void* const place = malloc(sizeof(WithCookie));
  (new (place) WithCookie)->~WithCookie();
  free(place);
  std::vector<std::string> strings;
  for (size_t i = 0; i < 1000; i++) strings.emplace_back(i, 'x');
  auto shared = std::make_shared<std::vector<int>>(100);
  const std::unique_ptr<char[]> array(new char[77]);
}

void* volatile kept;

// Exceptions pass through what stands before new.
int count_exceptions() {
  int count = 0;
  const size_t too_much = size_t{1} << (sizeof(size_t) * 8 - 3);
  std::set_new_handler([] { throw 5; });
  try {
    kept = ::operator new(too_much);
  } catch (int) {
    count++;
  }
  std::set_new_handler(nullptr);
  try {
    kept = ::operator new[](too_much);
  } catch (const std::bad_alloc&) {
    count++;
  }
  try {
    kept = ::operator new (too_much, Alignment{64});
  } catch (const std::bad_alloc&) {
    count++;
  }
  if (::operator new(too_much, std::nothrow) == nullptr) count++;
  return count;
}

void misuse(const char* bug) {
  const auto is = [=](const char* name) { return strcmp(bug, name) == 0; };
  if (is("derived")) delete static_cast<Base*>(new LargeDerived);
  if (is("slightly_derived")) delete static_cast<Base*>(new Derived);
  if (is("size")) ::operator delete (::operator new(100), size_t{1000});
  if (is("size_by_one")) ::operator delete (::operator new(100), size_t{99});
  if (is("array_size")) ::operator delete[](::operator new[](100), size_t{1000});
  if (is("aligned_size"))
    ::operator delete (::operator new (100, Alignment{64}), size_t{1000}, Alignment{64});
  if (is("aligned_array_size"))
    ::operator delete[](::operator new[](100, Alignment{64}), size_t{1000}, Alignment{64});
  if (is("large_size")) ::operator delete (::operator new(1'000'000), size_t{100});
  if (is("free_of_new")) free(new int);
  if (is("free_of_new_array")) free(new int[4]);
  if (is("realloc_of_new")) (void)!realloc(new int, 100);
  if (is("delete_of_malloc")) ::operator delete(malloc(4));
  if (is("sized_delete_of_malloc")) ::operator delete (malloc(4), size_t{4});
  if (is("delete_of_array")) ::operator delete(new int[4]);
  if (is("array_delete_of_object")) ::operator delete[](new int);
  if (is("array_delete_of_nothrow")) ::operator delete[](::operator new(4, std::nothrow));
  if (is("double_delete")) {
    int* const block = new int;
    ::operator delete(block, sizeof(int));
    ::operator delete(block, sizeof(int));
  }
}

}  // namespace

int main(int, char** arguments) {
  if (strcmp(arguments[1], "none") != 0) {
    misuse(arguments[1]);
    return 1;
  }
  release_all_as_made();
  release_objects();
  return count_exceptions() == 4 ? 0 : 1;
}
