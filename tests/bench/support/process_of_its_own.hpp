// SPDX-License-Identifier: MIT OR Apache-2.0
// Measurements that each take a process of their own, with a library preloaded or without: the
// program runs itself.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <optional>

#include "support/process.hpp"

namespace bench {

// In the process that measures: ends it, and hands over what was measured. It has failed if another
// library provides its malloc than the one preloaded, for what cannot be preloaded is ignored.
template <class Result>
[[noreturn]] void end_with(const Result& result) {
  const char* const library = std::getenv("LD_PRELOAD");
  const bool is_the_one =
      library == nullptr || std::strcmp(file_that_provides_malloc(), library) == 0;
  const bool told =
      is_the_one && write(STDOUT_FILENO, &result, sizeof result) == ssize_t{sizeof result};
  _exit(told ? EXIT_SUCCESS : EXIT_FAILURE);
}

// In the other one, which waits for it. `library`: null: none. Nothing: the process has failed.
template <class Result, class... Arguments>
std::optional<Result> result_with(const char* library, Arguments... arguments) {
  int ends[2];
  if (pipe(ends) != 0) return {};
  const pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    if (library != nullptr) {
      setenv("LD_PRELOAD", library, 1);
    } else {
      unsetenv("LD_PRELOAD");
    }
    execl("/proc/self/exe", "measured", arguments..., nullptr);
    _exit(127);
  }
  close(ends[1]);
  Result result;
  const bool told = read(ends[0], &result, sizeof result) == ssize_t{sizeof result};
  close(ends[0]);
  int status = 0;
  const bool ended = child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
                     WEXITSTATUS(status) == EXIT_SUCCESS;
  if (!told || !ended) return {};
  return result;
}

}  // namespace bench
