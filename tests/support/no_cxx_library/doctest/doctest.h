// SPDX-License-Identifier: MIT OR Apache-2.0
/* What the tests use of doctest (https://github.com/doctest/doctest), under the same names, for
 * targets that have no C++ library to compile doctest with. A failed assertion tells its expression
 * and what was captured, but not the operands; a failed REQUIRE or FAIL ends the program. Subcases
 * within subcases there are none. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

namespace doctest {

struct String {
  explicit String(const char* the_text) : text(the_text) {}
  const char* const text;
};

namespace detail {

/* Each has its place in a list, in the order of the file. */
struct Case {
  using Body = void (*)();

  Case(const char* the_name, const char* the_file, int the_line, Body the_body)
      : name(the_name), file(the_file), line(the_line), body(the_body) {
    (last == nullptr ? first : last->next) = this;
    last = this;
  }

  static inline constinit Case* first = nullptr;
  static inline constinit Case* last = nullptr;

  const char* const name;
  const char* const file;
  const int line;
  const Body body;
  Case* next = nullptr;
};

/* A value to be told, innermost first, if an assertion fails while the object lives. */
class Captured {
 public:
  template <class T>
  Captured(const char* name, const T& value) : name_(name), value_(&value), print_(print<T>) {
    innermost = this;
  }
  ~Captured() { innermost = outer_; }
  Captured(const Captured&) = delete;
  Captured& operator=(const Captured&) = delete;

  static void print_all() {
    for (const Captured* each = innermost; each != nullptr; each = each->outer_) {
      printf("  %s := ", each->name_);
      each->print_(each->value_);
    }
  }

 private:
  template <class T>
  static void print(const void* value) {
    const T& v = *static_cast<const T*>(value);
    if constexpr (requires { static_cast<unsigned long>(v); }) {
      printf("%lu\n", static_cast<unsigned long>(v));
    } else if constexpr (requires { static_cast<const volatile void*>(v); }) {
      printf("%p\n", const_cast<void*>(static_cast<const volatile void*>(v)));
    } else {
      printf("?\n");
    }
  }

  static inline constinit const Captured* innermost = nullptr;

  const Captured* const outer_ = innermost;
  const char* const name_;
  const void* const value_;
  void (*const print_)(const void*);
};

/* One of them is entered each time that its test case is run. */
class Subcase {
 public:
  explicit Subcase(const char* name) : is_entered_(met++ == wanted) {
    if (is_inside) {
      printf("%s: a subcase within a subcase\n", name);
      exit(1);
    }
    is_inside = is_entered_;
  }
  ~Subcase() { is_inside = false; }
  Subcase(const Subcase&) = delete;
  Subcase& operator=(const Subcase&) = delete;

  explicit operator bool() const { return is_entered_; }

  static inline constinit unsigned met = 0;
  static inline constinit unsigned wanted = 0;
  static inline constinit bool is_inside = false;

 private:
  const bool is_entered_;
};

enum class Then { go_on, end };

inline constinit unsigned assertions = 0;
inline constinit unsigned failures = 0;
inline constinit const Case* running = nullptr;

/* An assertion that has failed, and what is to be said of it. */
class Failure {
 public:
  Failure(Then then, const char* file, int line) : then_(then) {
    failures++;
    printf("%s:%d: in \"%s\": ERROR: ", file, line, running->name);
  }
  ~Failure() {
    printf("\n");
    Captured::print_all();
    if (then_ == Then::end) exit(1);
  }
  Failure(const Failure&) = delete;
  Failure& operator=(const Failure&) = delete;

  const Failure& operator<<(const char* text) const { return printf("%s", text), *this; }
  const Failure& operator<<(const String& text) const { return *this << text.text; }
  const Failure& operator<<(unsigned long long n) const { return printf("%llu", n), *this; }

 private:
  const Then then_;
};

inline void check(bool holds, Then then, const char* what, const char* file, int line) {
  assertions++;
  if (!holds) Failure(then, file, line) << what;
}

/* A case for each of some types. */
template <template <class> class Body, class... Types>
struct CaseOfTypes {
  CaseOfTypes(const char* name, const char* file, int line)
      : cases{{name, file, line, Body<Types>::run}...} {}
  Case cases[sizeof...(Types)];
};

}  // namespace detail

class Context {
 public:
  Context(int, char**) {}

  int run() {
    using namespace detail;
    unsigned cases = 0;
    unsigned failed = 0;
    for (const Case* each = Case::first; each != nullptr; each = each->next) {
      const unsigned before = failures;
      running = each;
      Subcase::wanted = 0;
      do {
        Subcase::met = 0;
        each->body();
      } while (++Subcase::wanted < Subcase::met);
      cases++;
      if (failures != before) failed++;
    }
    printf("[doctest] test cases: %u | %u passed | %u failed\n", cases, cases - failed, failed);
    printf("[doctest] assertions: %u | %u passed | %u failed\n", assertions, assertions - failures,
           failures);
    return failures == 0 && assertions != 0 ? 0 : 1;
  }
};

}  // namespace doctest

#define DOCTEST_JOINED(a, b) a##b
#define DOCTEST_WITH_LINE(a, line) DOCTEST_JOINED(a, line)
#define DOCTEST_UNIQUE(a) DOCTEST_WITH_LINE(a, __LINE__)

#define TEST_CASE(name)                                                                      \
  static void DOCTEST_UNIQUE(doctest_body_)();                                               \
  static doctest::detail::Case DOCTEST_UNIQUE(doctest_case_)(name, __FILE__, __LINE__,       \
                                                             DOCTEST_UNIQUE(doctest_body_)); \
  static void DOCTEST_UNIQUE(doctest_body_)()

#define TEST_CASE_TEMPLATE(name, T, ...)                                                   \
  namespace {                                                                              \
  template <class T>                                                                       \
  struct DOCTEST_UNIQUE(doctest_body_) {                                                   \
    static void run();                                                                     \
  };                                                                                       \
  doctest::detail::CaseOfTypes<DOCTEST_UNIQUE(doctest_body_), __VA_ARGS__> DOCTEST_UNIQUE( \
      doctest_cases_)(name, __FILE__, __LINE__);                                           \
  }                                                                                        \
  template <class T>                                                                       \
  void DOCTEST_UNIQUE(doctest_body_)<T>::run()

#define SUBCASE(name)                                                        \
  if (const doctest::detail::Subcase DOCTEST_UNIQUE(doctest_subcase_){name}; \
      DOCTEST_UNIQUE(doctest_subcase_))
#define CAPTURE(value) \
  const doctest::detail::Captured DOCTEST_UNIQUE(doctest_captured_)(#value, value)

#define DOCTEST_CHECK(holds, then, what) \
  doctest::detail::check(holds, doctest::detail::Then::then, what, __FILE__, __LINE__)
#define CHECK(...) DOCTEST_CHECK(static_cast<bool>(__VA_ARGS__), go_on, "CHECK(" #__VA_ARGS__ ")")
#define CHECK_FALSE(...) \
  DOCTEST_CHECK(!static_cast<bool>(__VA_ARGS__), go_on, "CHECK_FALSE(" #__VA_ARGS__ ")")
#define REQUIRE(...) DOCTEST_CHECK(static_cast<bool>(__VA_ARGS__), end, "REQUIRE(" #__VA_ARGS__ ")")
#define REQUIRE_FALSE(...) \
  DOCTEST_CHECK(!static_cast<bool>(__VA_ARGS__), end, "REQUIRE_FALSE(" #__VA_ARGS__ ")")
#define DOCTEST_FAIL(then, ...)       \
  static_cast<void>(                  \
      (doctest::detail::assertions++, \
       doctest::detail::Failure(doctest::detail::Then::then, __FILE__, __LINE__) << __VA_ARGS__))
#define FAIL_CHECK(...) DOCTEST_FAIL(go_on, __VA_ARGS__)
#define FAIL(...) DOCTEST_FAIL(end, __VA_ARGS__)
