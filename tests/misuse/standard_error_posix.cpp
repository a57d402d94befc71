// SPDX-License-Identifier: MIT OR Apache-2.0
// Where the default hook says what happened, in programs that have closed or redirected their
// standard error: never in a file of their own.
//
//   standard_error_posix        tries all of the cases below, each in a process of its own
//   standard_error_posix CASE   does what the case says, and frees a block twice
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rsb/rsb.h"

namespace {

const char first[] = "standard_error.first";  // what standard error is in the beginning
const char other[] = "standard_error.other";

void close_all() {
  for (int i = 0; i < 64; i++) close(i);
}

// What becomes standard error when it has been closed is the first file opened thereafter.
void open_own(int flags) {
  if (open("/dev/null", O_RDONLY) != 0 || open("/dev/null", O_WRONLY) != 1) _exit(2);
  if (open(other, O_RDWR | flags) != 2) _exit(2);
}

void redirect(int flags) {
  const int log = open(other, O_WRONLY | flags);
  if (dup2(log, 2) != 2) _exit(2);
  close(log);
}

struct Case {
  const char* name;
  void (*prepare)();
  bool begins_closed;
  bool says_in_first;
  bool says_in_other;
};
const Case cases[] = {
    {"as_it_was", [] {}, false, true, false},
    {"own_file", [] { close_all(), open_own(0); }, false, false, false},
    {"own_file_and_none_before", [] { open_own(0); }, true, false, false},
    {"log_of_all",
     [] {
       redirect(0);
       dup2(2, 1);
     },
     false, false, true},
    {"log_appended_to", [] { redirect(O_APPEND); }, false, false, true},
    {"closed", [] { close_all(); }, false, false, false},
};

[[noreturn]] void commit(const Case& c) {
  c.prepare();
  void* const block = rsb_malloc(100);
  rsb_free(block);
  rsb_free(block);
  _exit(0);
}

bool create(const char* name) {
  const int file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  return file >= 0 && close(file) == 0;
}

bool holds_sentence(const char* name) {
  char text[300] = "";
  const int file = open(name, O_RDONLY);
  const ssize_t length = read(file, text, sizeof text - 1);
  close(file);
  if (length > 0 && strstr(text, "rsbmalloc: double free (address 0x") == nullptr) {
    printf("%s: %s\n", name, text);
  }
  return length > 0;
}

bool is_right(const Case& c, const char* program) {
  if (!create(first) || !create(other)) return false;
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    close_all();
    if (!c.begins_closed) {
      open("/dev/null", O_RDONLY);
      open("/dev/null", O_WRONLY);
      open(first, O_WRONLY);
    }
    execl(program, program, c.name, nullptr);
    _exit(3);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT &&
         holds_sentence(first) == c.says_in_first && holds_sentence(other) == c.says_in_other;
}

}  // namespace

int main(int count, char** arguments) {
  int failures = 0;
  for (const Case& c : cases) {
    if (count > 1 && strcmp(arguments[1], c.name) == 0) commit(c);
    if (count > 1) continue;
    const bool right = is_right(c, arguments[0]);
    printf("%s: %s\n", c.name, right ? "as it should be" : "wrong");
    if (!right) failures++;
  }
  return failures == 0 && count == 1 ? 0 : 1;
}
