// SPDX-License-Identifier: MIT OR Apache-2.0
// RSB_FAIL: which call fails, or each in turn; see failing_call.hpp. For main.cpp, on Linux.
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/failing_call.hpp"
#include "support/test.hpp"

namespace support {

// A process for each call: a test that crashes takes no other with it, and none finds what another
// has left in static variables.
class CallsInTurn {
 public:
  // Returns what main() is to return.
  static int run(doctest::Context& context, const char* which) {
    context.setOption("reporters", "failing_call");
    if (strcmp(which, "each") == 0) return run_each(context);
    for (size_t kind = 0; kind < kinds; kind++) {
      const size_t length = strlen(names[kind]);
      if (strncmp(which, names[kind], length) != 0 || which[length] != ':') continue;
      run_one(context, kind, strtoul(which + length + 1, nullptr, 10));
      printf("the call failed in %zu page sources\n", failing_call.failed());
      return complaints == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
    }
    fprintf(stderr, "RSB_FAIL is each, or acquire, release, discard or move and :NUMBER\n");
    return EXIT_FAILURE;
  }

 private:
  static constexpr const char* names[] = {"acquire", "release", "discard", "move"};
  static constexpr size_t kinds = static_cast<size_t>(SourceCall::count);
  static constexpr size_t most_calls = 200;

  static inline constinit size_t current_kind = 0;
  static inline constinit size_t current_number = 0;
  static inline constinit const char* test = "";
  static inline constinit size_t complaints = 0;

  static void complain(const char* sentence) {
    complaints++;
    fprintf(stderr, "RSB_FAIL=%s:%zu, \"%s\": %s\n", names[current_kind], current_number, test,
            sentence);
  }

  // Says nothing of assertions; a crash, or an exception that is none of doctest's, is told.
  struct Reporter : doctest::IReporter {
    explicit Reporter(const doctest::ContextOptions&) {}
    void report_query(const doctest::QueryData&) override {}
    void test_run_start() override {}
    void test_run_end(const doctest::TestRunStats&) override {}
    void test_case_start(const doctest::TestCaseData& data) override { test = data.m_name; }
    void test_case_reenter(const doctest::TestCaseData&) override {}
    void test_case_end(const doctest::CurrentTestCaseStats&) override { test = ""; }
    void test_case_exception(const doctest::TestCaseException& e) override {
      complain(e.error_string.c_str());
    }
    void subcase_start(const doctest::SubcaseSignature&) override {}
    void subcase_end() override {}
    void log_assert(const doctest::AssertData&) override {}
    void log_message(const doctest::MessageData&) override {}
    void test_case_skipped(const doctest::TestCaseData&) override {}
  };
  static inline const int registered = doctest::registerReporter<Reporter>("failing_call", 0, true);

  static void run_one(doctest::Context& context, size_t kind, size_t number) {
    current_kind = kind;
    current_number = number;
    failing_call.begin(static_cast<SourceCall>(kind), number, complain);
    context.run();
  }

  static int run_each(doctest::Context& context) {
    // How often that call of a source has failed in a child.
    void* const shared =
        mmap(nullptr, sizeof(size_t), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED) return EXIT_FAILURE;
    size_t& failed = *static_cast<size_t*>(shared);
    bool any = false;
    for (size_t kind = 0; kind < kinds; kind++) {
      size_t number = 0;
      size_t sum = 0;
      for (; number < most_calls; number++) {
        failed = 0;
        fflush(nullptr);
        const pid_t child = fork();
        if (child == 0) {
          run_one(context, kind, number);
          failed = failing_call.failed();
          fflush(nullptr);
          _exit(complaints == 0 ? EXIT_SUCCESS : EXIT_FAILURE);
        }
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) != child) return EXIT_FAILURE;
        if (status != 0) {
          fprintf(stderr, "with RSB_FAIL=%s:%zu it has ended badly\n", names[kind], number);
          return EXIT_FAILURE;
        }
        if (failed == 0) break;  // no source comes so far
        any = true;
        sum += failed;
      }
      printf("%s: %zu calls in turn, which failed in %zu sources\n", names[kind], number, sum);
    }
    return any ? EXIT_SUCCESS : EXIT_FAILURE;
  }
};

}  // namespace support
