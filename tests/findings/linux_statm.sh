#!/bin/sh
# SPDX-License-Identifier: MIT OR Apache-2.0
# linux-image-6.1.0-57-cloud-amd64 6.1.192-3, booted in QEMU 7.2: a process may be told that it has one page of memory.
# What a thread's page faults add to the number of resident pages is kept apart until there have been 64 of them, so
# /proc/self/statm stands still, and then leaps: a heap's growth by 30 pages cannot be measured by it.
# /proc/self/smaps_rollup counts.
#
# Seen, in a new process: statm under 5 pages, smaps_rollup more than 20; after 10, 20 and 30 pages were written, statm
# 0 more, smaps_rollup 10, 20 and 30.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
installed() {
  there=$(dpkg-query -W -f '${Version}' "$1" 2> /dev/null || true)
  [ "$there" = "$2" ] || { echo "$0: needs $1 $2, here is: ${there:-none}" >&2 && exit 2; }
}
package() {
  apt-get -qq -o APT::Sandbox::User=root download "$1=$2"
  dpkg -x "$1"_*.deb root
  rm "$1"_*.deb
}
installed cpio 2.13+dfsg-7.1
installed qemu-system-x86 1:7.2+dfsg-7+deb12u18+b3
package linux-image-6.1.0-57-cloud-amd64 6.1.192-3

cat > init.c << 'C'
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// Nothing here touches new pages once it has been called.
static char text[4096];
static const char* get(const char* name) {
  const int file = open(name, O_RDONLY);
  text[read(file, text, sizeof text - 1)] = '\0';
  close(file);
  return text;
}
static int statm(void) { return atoi(strchr(get("/proc/self/statm"), ' ')); }
static int rollup(void) { return atoi(strstr(get("/proc/self/smaps_rollup"), "Rss:") + 4) / 4; }

static int program(void) {
  const int said = statm(), is = rollup();
  char* const block = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  int more[3][2];
  for (int i = 0; i < 3; i++) {
    for (int page = 0; page < 10; page++) block[(10 * i + page) * 4096] = 1;
    more[i][0] = statm() - said;
    more[i][1] = rollup() - is;
  }
  printf("seen: at first statm %s, smaps_rollup %s\n", said < 5 ? "under 5" : "more",
         is > 20 ? "more than 20" : "less");
  for (int i = 0; i < 3; i++) printf("seen: %d written: %d, %d\n", 10 * i + 10, more[i][0], more[i][1]);
  fflush(stdout);
  return 0;
}

int main(int count, char** arguments) {
  if (getpid() != 1) return program();
  mkdir("/proc", 0755);
  mount("proc", "/proc", "proc", 0, NULL);
  const pid_t child = fork();
  if (child == 0) execl("/init", "/init", (char*)NULL);
  waitpid(child, NULL, 0);
  reboot(RB_POWER_OFF);
}
C
cc -O1 -w -static init.c -o init
echo init | cpio --quiet -o -H newc > initrd
timeout 300 qemu-system-x86_64 -cpu max -m 1G -nic none -display none -serial stdio -monitor none -no-reboot \
  -kernel root/boot/vmlinuz-* -initrd initrd -append 'console=ttyS0 panic=-1 quiet cryptomgr.notests=1' \
  < /dev/null > log
tr -d '\r' < log | sed -n 's/^seen: //p' > seen
cat > expected << 'E'
at first statm under 5, smaps_rollup more than 20
10 written: 0, 10
20 written: 0, 20
30 written: 0, 30
E
cat seen
diff expected seen || { echo "$0: it behaves otherwise now" >&2 && exit 1; }
