// SPDX-License-Identifier: MIT OR Apache-2.0
// The self-test: to be loaded is to be run, and that it is loaded is that nothing was wrong.
//
//   insmod rsbmalloc_test.ko [seconds=5] [mode=stress]
//
// mode=stress: threads, two for each CPU, allocate and free blocks of 16 to 40,000 bytes, also with
//   interrupts, bottom halves or preemption off; on each CPU so do two high-resolution timers, in
//   hard and in soft interrupts, and a tasklet; and NMIs do. Each block is filled with a byte of
//   its own, which is verified before it is freed, half of the time by another of them. In the end
//   all is freed, and the heap must be empty and whole.
// mode=exhaust: allocates until there is no memory, and frees all.
// mode=bench: instructions (of an emulator that counts them as time) of a pair of allocation and
//   release, and memory for 100,000 blocks, each beside the kernel's own allocator.
// mode=leak: allocates a block, and that is all.
// mode=double_free, foreign, interior, overwritten: a thread does that, and must die of it.
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/completion.h>
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/string.h>

#include "rsbmalloc.h"
#include "test.h"

static unsigned seconds = 5;
module_param(seconds, uint, 0444);
static char* mode = "stress";
module_param(mode, charp, 0444);

// ---- Misuse, by a thread whose end it is to be ----

static int of_no_heap;

static void double_free(u8* block) {
  rsb_kfree(block);
  rsb_kfree(block);
}

static void foreign(u8* block) {
  rsb_kfree(block);
  rsb_kfree(&of_no_heap);
}

static void interior(u8* block) {
  rsb_kfree(block + 16);
}

static void overwritten(u8* block) {
  rsb_kfree(block);
  memset(block, 0x5a, 8);
  rsb_kfree(rsb_kmalloc(100, GFP_KERNEL));
}

struct deed {
  const char* name;
  void (*commit)(u8* block);
  u8* block;
  struct completion survived;
};

static int run_deed(void* data) {
  struct deed* const deed = data;
  u8* block = deed->block;

  OPTIMIZER_HIDE_VAR(block);
  migrate_disable();  // what was freed is the next to be handed out
  deed->commit(block);
  migrate_enable();
  complete(&deed->survived);
  return 0;
}

static int misuse(void) {
  static struct deed deeds[] = {
      {.name = "double_free", .commit = double_free},
      {.name = "foreign", .commit = foreign},
      {.name = "interior", .commit = interior},
      {.name = "overwritten", .commit = overwritten},
  };
  int status = -EINVAL;
  unsigned i;

  for (i = 0; i < ARRAY_SIZE(deeds); i++) {
    struct deed* const deed = &deeds[i];

    if (strcmp(mode, deed->name) != 0) continue;
    status = 0;

    deed->block = rsb_kmalloc(100, GFP_KERNEL);
    if (!deed->block) return -ENOMEM;
    init_completion(&deed->survived);
    if (IS_ERR(kthread_run(run_deed, deed, "rsb_test/%s", deed->name))) return -ENOMEM;
    if (wait_for_completion_timeout(&deed->survived, 2 * HZ) != 0) {
      pr_err("%s was not caught\n", deed->name);
      status = -EIO;
    }
    if (deed->commit == interior) rsb_kfree(deed->block);  // the others have done it
  }
  return status;
}

// A block that nobody frees.
static int leak(void) {
  return rsb_kmalloc(100, GFP_KERNEL) ? 0 : -ENOMEM;
}

static int __init begin(void) {
  if (strcmp(mode, "stress") == 0) return rsb_test_stress(seconds);
  if (strcmp(mode, "exhaust") == 0) return rsb_test_exhaust();
  if (strcmp(mode, "bench") == 0) return rsb_test_bench();
  if (strcmp(mode, "leak") == 0) return leak();
  return misuse();
}

static void __exit end(void) {}

module_init(begin);
module_exit(end);

MODULE_DESCRIPTION("The self-test of rsbmalloc");
MODULE_LICENSE("Dual MIT/GPL");
