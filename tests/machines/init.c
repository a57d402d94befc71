// SPDX-License-Identifier: MIT OR Apache-2.0
// The first and only process of a booted kernel that tests bring along: runs each program that
// /programs names, says what becomes of it, and switches the machine off. tests/machines/result
// reads what this writes.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void mount_on(const char* folder, const char* type) {
  mkdir(folder, 0755);
  if (mount(type, folder, type, 0, NULL) != 0) perror(folder);
}

// To a file, and only then to the console: programs write in colours to what is a terminal.
static const char output[] = "/output";

static void show_output(void) {
  FILE* const file = fopen(output, "r");
  if (file == NULL) return;
  for (int c; (c = getc(file)) != EOF;) putchar(c);
  fclose(file);
}

// Lines of this program start with "==== ", and on a line of their own whatever came before them.
static void run(const char* name) {
  printf("\n==== begin %s\n", name);
  fflush(stdout);
  struct timespec begin, end;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  const pid_t child = fork();
  if (child == 0) {
    char path[256];
    snprintf(path, sizeof path, "/bin/%s", name);
    const int file = open(output, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0600);
    dup2(file, STDOUT_FILENO);
    dup2(file, STDERR_FILENO);
    alarm(120);  // a program that hangs takes no other with it
    execl(path, path, (char*)NULL);
    perror(path);
    _exit(127);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) {
    perror(name);
    return;
  }
  clock_gettime(CLOCK_MONOTONIC, &end);
  show_output();
  const long milliseconds =
      (long)(end.tv_sec - begin.tv_sec) * 1000 + (end.tv_nsec - begin.tv_nsec) / 1000000;
  if (WIFSIGNALED(status)) {
    printf("\n==== end %s signal %d after %ld ms\n", name, WTERMSIG(status), milliseconds);
  } else {
    printf("\n==== end %s status %d after %ld ms\n", name, WEXITSTATUS(status), milliseconds);
  }
  fflush(stdout);
}

int main(void) {
  mount_on("/dev", "devtmpfs");
  mount_on("/proc", "proc");
  struct utsname kernel;
  uname(&kernel);
  printf("\n==== %s %s, pages of %ld bytes, %ld processors\n", kernel.release, kernel.machine,
         sysconf(_SC_PAGESIZE), sysconf(_SC_NPROCESSORS_ONLN));

  FILE* const programs = fopen("/programs", "r");
  if (programs == NULL) perror("/programs");
  char name[200];
  while (programs != NULL && fgets(name, sizeof name, programs) != NULL) {
    name[strcspn(name, "\n")] = '\0';
    run(name);
  }

  printf("\n==== that is all\n");
  fflush(stdout);
  sync();
  reboot(RB_POWER_OFF);
  return 1;
}
