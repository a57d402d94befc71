// SPDX-License-Identifier: MIT OR Apache-2.0
// Ways in which processes end, by name: for report.py. Each ends with status 3 unless it says so.
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "scenes.h"

extern int rsb_walk(int (*visit)(void*, size_t, void*), void*) __attribute__((weak));
extern size_t rsb_trim(void) __attribute__((weak));

static char* self;

static void say(const char* text) {
  if (write(STDERR_FILENO, text, strlen(text)) < 0) abort();
}

static void expect(int holds, const char* what) {
  if (holds) return;
  say(what);
  abort();
}

// All that is live: a small block and two of whole pages.
static void* kept[3];
static void keep(void) {
  const size_t sizes[] = {100, 20000, 100000};
  for (int i = 0; i < 3; i++) kept[i] = malloc(sizes[i]);
}

static void at_exit(void) {
  _exit(status);
}
static void at_quick_exit_too(void) {
  say("handler\n");
}

static void* allocate(void* p) {
  struct trade mine = {0};
  void* block;
  while (p != NULL) trade_one(&mine, &block);
  return NULL;
}
static void* trim(void* p) {
  while (p != NULL) rsb_trim();
  return NULL;
}

static void end_in_handler(int number) {
  (void)number;
  _exit(status);
}
// Wherever it is then.
static void end_in_a_while(void) {
  signal(SIGALRM, end_in_handler);
  const struct itimerval soon = {.it_value = {.tv_usec = 1 + getpid() % 16 * 61}};
  setitimer(ITIMER_REAL, &soon, NULL);
  allocate(self);
}

static int end_in_visit(void* block, size_t bytes, void* context) {
  (void)block, (void)bytes, (void)context;
  exit(status);
}

static void wait_for(pid_t child, int its_status) {
  int ended = 0;
  expect(child > 0 && waitpid(child, &ended, 0) == child, "no child");
  expect(WIFEXITED(ended) && WEXITSTATUS(ended) == its_status, "the child ends otherwise");
  say("waited\n");
}

static void spawn(const char* program, int its_status) {
  char* arguments[] = {self, "exit", NULL};
  extern char** environ;
  pid_t child;
  if (posix_spawn(&child, program, NULL, NULL, arguments, environ) == 0) {
    wait_for(child, its_status);
  } else {
    expect(strcmp(program, "/nowhere") == 0, "posix_spawn");
  }
}

// From now on getpid() ends the process. (Spelled out, since musl has no headers of the kernel's.)
static void forbid_getpid(void) {
  const struct {
    unsigned short code;
    unsigned char if_true, if_false;
    unsigned value;
  } steps[] = {
      {0x20, 0, 0, 0},                     // load the number of the call
      {0x15, 0, 1, (unsigned)SYS_getpid},  // equal?
      {0x06, 0, 0, 0x80000000u},           // kill the process
      {0x06, 0, 0, 0x7fff0000u},           // allow
  };
  const struct {
    unsigned short count;
    const void* steps;
  } filter = {4, steps};
  expect(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
  expect(prctl(PR_SET_SECCOMP, 2, &filter, 0, 0) == 0, "seccomp");
}

// Standard error's file is no more, and one of the program's has its number on the disk, where the
// file system gives numbers anew.
static void replace_standard_error(void) {
  char name[4096];
  const ssize_t length = readlink("/proc/self/fd/2", name, sizeof name - 1);
  expect(length > 0, "no standard error");
  name[length] = '\0';
  struct stat before, now;
  expect(fstat(2, &before) == 0 && unlink(name) == 0, "standard error is no file");
  for (int i = 2; i < 1024; i++) close(i);
  const struct timespec tick = {.tv_nsec = 10000000};  // a file's time of birth is no finer
  nanosleep(&tick, NULL);
  for (int tries = 0; tries < 100; tries++) {
    if (tries != 0 && (close(2) != 0 || unlink(name) != 0)) abort();
    if (open(name, O_WRONLY | O_CREAT, 0600) != 2 || fstat(2, &now) != 0) abort();
    if (now.st_ino == before.st_ino) break;
  }
}

int main(int argc, char** argv) {
  expect(argc == 2, "one argument");
  self = "/proc/self/exe";
  keep();
  const char* const scene = argv[1];
  SCENE("return") return status;
  SCENE("exit") exit(status);
  SCENE("_exit") _exit(status);
  SCENE("_Exit") _Exit(status);
  SCENE("_exit in exit") {
    atexit(at_exit);
    exit(0);
  }
  SCENE("quick_exit") {
    at_quick_exit(at_quick_exit_too);
    quick_exit(status);
  }
  SCENE("forgets") {
    memset(argv[0], 'x', strlen(argv[0]));
    clearenv();
    exit(status);
  }
  SCENE("closes") {
    close(STDERR_FILENO);
    _exit(status);
  }
  SCENE("exit without getpid") {
    forbid_getpid();
    exit(status);
  }
  SCENE("_exit without getpid") {
    forbid_getpid();
    _exit(status);
  }
  SCENE("replaces the file") {
    replace_standard_error();
    exit(status);
  }
  SCENE("signal") raise(SIGKILL);
  SCENE("vfork") {
    const pid_t child = vfork();
    if (child == 0) {
      execl("/nowhere", "nowhere", (char*)NULL);
      _exit(5);
    }
    wait_for(child, 5);
    exit(status);
  }
  SCENE("vfork and exec") {
    const pid_t child = vfork();
    if (child == 0) execl(self, "executed", "exit", (char*)NULL);
    wait_for(child, status);
    exit(status);
  }
  SCENE("posix_spawn") {
    spawn("/nowhere", 127);
    spawn(self, status);
    exit(status);
  }
  SCENE("fork and exit") {
    const pid_t child = fork();
    if (child != 0) wait_for(child, status);
    exit(status);
  }
  SCENE("fork and _exit") {
    const pid_t child = fork();
    if (child != 0) wait_for(child, status);
    _exit(status);
  }
  SCENE("fork past all handlers") {
    const pid_t child = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child == 0) _exit(5);
    wait_for(child, 5);
    exit(status);
  }
  SCENE("threads") {
    start_threads(allocate, self);
    usleep(2000);
    _exit(status);
  }
  SCENE("handler") end_in_a_while();
  SCENE("handler among threads") {
    pthread_t thread;
    start_threads(allocate, self);
    pthread_create(&thread, NULL, trim, self);
    end_in_a_while();
  }
  SCENE("inside a call") rsb_walk(end_in_visit, NULL);
  say("no such scene\n");
  return 1;
}
