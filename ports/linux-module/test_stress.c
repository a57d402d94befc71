// SPDX-License-Identifier: MIT OR Apache-2.0
// Threads and handlers that allocate and free all at once; and memory that runs out.
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/interrupt.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/smp.h>
#include <linux/string.h>
#ifdef CONFIG_X86_64
#include <asm/apic.h>
#include <asm/nmi.h>
#endif

#include "rsbmalloc.h"
#include "test.h"

// ---- Blocks ----

struct block {
  u32 bytes;
  u8 fill;
  u8 rest[];
};

static atomic_t wrong;

static void find_fault(const char* what, const struct block* block) {
  if (atomic_inc_return(&wrong) <= 5) pr_err("%s, block %px\n", what, block);
}

#define BOXES 64
static struct block* boxes[BOXES];  // from one of them to another

#define HELD 64

// Who allocates and frees: a thread, or a handler that does not interrupt itself.
struct worker {
  u32 random;
  u32 most_bytes;
  u64 allocated, freed, refused;
  struct block* held[HELD];
};

static void verify(const struct block* block, u32 bytes) {
  if (memchr_inv(block->rest, block->fill, bytes - offsetof(struct block, rest)))
    find_fault("a block was written to by others", block);
}

static void release(struct worker* worker, struct block* block) {
  verify(block, block->bytes);
  memset(block->rest, ~block->fill, block->bytes - offsetof(struct block, rest));
  rsb_kfree(block);
  worker->freed++;
}

static struct block* obtain(struct worker* worker, gfp_t flags) {
  const u32 random = next_random(&worker->random);
  // Most of them small.
  const u32 most = random % 64 == 0 ? worker->most_bytes : random % 4 == 0 ? 2048 : 256;
  const u32 bytes = 16 + next_random(&worker->random) % (most - 15);
  const u32 how = next_random(&worker->random) % 16;
  u32 alignment = 16;
  struct block* block;

  if (how == 0) {
    alignment = 16u << next_random(&worker->random) % 9;
    block = rsb_kmalloc_aligned(bytes, alignment, flags);
  } else if (how == 1) {
    block = rsb_kzalloc(bytes, flags);
    if (block && memchr_inv(block, 0, bytes)) find_fault("a block is not zero", block);
  } else {
    block = rsb_kmalloc(bytes, flags);
  }
  if (!block) {
    worker->refused++;
    return NULL;
  }
  if ((unsigned long)block % alignment != 0) find_fault("a block is not aligned", block);
  worker->allocated++;
  block->bytes = bytes;
  block->fill = (u8)(random >> 24);
  memset(block->rest, block->fill, bytes - offsetof(struct block, rest));
  return block;
}

// Of another size, with the contents that it had.
static struct block* resize(struct worker* worker, struct block* block) {
  const u32 bytes = 16 + next_random(&worker->random) % 4096;
  struct block* const copy = rsb_krealloc(block, bytes, GFP_KERNEL);

  if (!copy) {
    worker->refused++;
    return block;
  }
  if (rsb_ksize(copy) < bytes) find_fault("a block is smaller than said", copy);
  verify(copy, min(copy->bytes, bytes));
  copy->bytes = bytes;
  memset(copy->rest, copy->fill, bytes - offsetof(struct block, rest));
  return copy;
}

static void step(struct worker* worker, gfp_t flags) {
  const u32 random = next_random(&worker->random);
  struct block** const slot = &worker->held[random % HELD];

  if (!*slot) {
    *slot = obtain(worker, flags);
  } else if (random & 0x10000) {
    release(worker, *slot);
    *slot = NULL;
  } else {
    *slot = xchg(&boxes[(random >> 20) % BOXES], *slot);
  }
}

// ---- Threads ----

static void step_in_some_context(struct worker* worker) {
  unsigned long flags;

  switch (next_random(&worker->random) % 16) {
    case 0:
      local_irq_save(flags);
      step(worker, GFP_ATOMIC);
      local_irq_restore(flags);
      return;
    case 1:
      local_bh_disable();
      step(worker, GFP_ATOMIC);
      local_bh_enable();
      return;
    case 2:
      preempt_disable();
      step(worker, GFP_ATOMIC);
      preempt_enable();
      return;
    case 3: {
      struct block** const slot = &worker->held[next_random(&worker->random) % HELD];

      if (*slot) *slot = resize(worker, *slot);
      return;
    }
    default:
      step(worker, GFP_KERNEL);
  }
}

static int run_thread(void* data) {
  struct worker* const worker = data;

  while (!kthread_should_stop()) {
    unsigned i;

    for (i = 0; i < 1000; i++) step_in_some_context(worker);
    cond_resched();
  }
  return 0;
}

// ---- Handlers ----

struct handlers {
  struct hrtimer hard_timer, soft_timer;
  struct tasklet_struct tasklet;
  struct worker in_hard_timer, in_soft_timer, in_tasklet;
  u64 hard_calls, soft_calls, tasklet_calls;
};

static bool is_over;

static enum hrtimer_restart go_on(struct hrtimer* timer, u32 random) {
  if (READ_ONCE(is_over)) return HRTIMER_NORESTART;
  hrtimer_forward_now(timer, ns_to_ktime(200000 + random % 800000));
  return HRTIMER_RESTART;
}

static enum hrtimer_restart in_hard_timer(struct hrtimer* timer) {
  struct handlers* const here = container_of(timer, struct handlers, hard_timer);
  unsigned i;

  if (!in_hardirq()) find_fault("a hard timer's handler is none", NULL);
  here->hard_calls++;
  for (i = 0; i < 8; i++) step(&here->in_hard_timer, GFP_ATOMIC);
  tasklet_schedule(&here->tasklet);
  return go_on(timer, next_random(&here->in_hard_timer.random));
}

static enum hrtimer_restart in_soft_timer(struct hrtimer* timer) {
  struct handlers* const here = container_of(timer, struct handlers, soft_timer);
  unsigned i;

  if (!in_serving_softirq()) find_fault("a soft timer's handler is none", NULL);
  here->soft_calls++;
  for (i = 0; i < 8; i++) step(&here->in_soft_timer, GFP_ATOMIC);
  return go_on(timer, next_random(&here->in_soft_timer.random));
}

static void in_tasklet(struct tasklet_struct* tasklet) {
  struct handlers* const here = container_of(tasklet, struct handlers, tasklet);
  unsigned i;

  here->tasklet_calls++;
  for (i = 0; i < 8; i++) step(&here->in_tasklet, GFP_ATOMIC);
}

// On its CPU.
static void begin_handlers(void* data) {
  struct handlers* const here = data;

  hrtimer_start(&here->hard_timer, ms_to_ktime(1), HRTIMER_MODE_REL_PINNED_HARD);
  hrtimer_start(&here->soft_timer, ms_to_ktime(1), HRTIMER_MODE_REL_PINNED_SOFT);
}

static void begin_worker(struct worker* worker, u32 number, u32 most_bytes) {
  worker->random = 2463534242u + number * 0x9e3779b9u;
  worker->most_bytes = most_bytes;
}

static void make_handlers(struct handlers* here, unsigned cpu) {
  hrtimer_init(&here->hard_timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
  here->hard_timer.function = in_hard_timer;
  hrtimer_init(&here->soft_timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_SOFT);
  here->soft_timer.function = in_soft_timer;
  tasklet_setup(&here->tasklet, in_tasklet);
  begin_worker(&here->in_hard_timer, 1000 + cpu, 16384);
  begin_worker(&here->in_soft_timer, 2000 + cpu, 16384);
  begin_worker(&here->in_tasklet, 3000 + cpu, 40000);
}

// ---- Afterwards ----

static struct worker all;  // added up

static void empty(struct worker* worker) {
  unsigned i;

  for (i = 0; i < HELD; i++) {
    if (worker->held[i]) release(worker, worker->held[i]);
  }
  all.allocated += worker->allocated;
  all.freed += worker->freed;
  all.refused += worker->refused;
}

// ---- NMIs, which a thread sends to one CPU after the other ----

#ifdef CONFIG_X86_64
static DEFINE_PER_CPU(struct worker, in_nmi);
static DEFINE_PER_CPU(u64, nmi_calls);
static DEFINE_PER_CPU(bool, nmi_is_sent);

static int in_our_nmi(unsigned type, struct pt_regs* regs) {
  unsigned i;

  if (!this_cpu_xchg(nmi_is_sent, false)) return NMI_DONE;
  this_cpu_inc(nmi_calls);
  for (i = 0; i < 4; i++) step(this_cpu_ptr(&in_nmi), GFP_ATOMIC);
  return NMI_HANDLED;
}

static int send_nmis(void* data) {
  unsigned cpu = 0;

  while (!kthread_should_stop()) {
    cpus_read_lock();
    cpu = cpumask_next(cpu, cpu_online_mask);
    if (cpu >= nr_cpu_ids) cpu = cpumask_first(cpu_online_mask);
    // Of two at once the second would be nobody's, of which the kernel has much to say.
    if (!READ_ONCE(per_cpu(nmi_is_sent, cpu))) {
      WRITE_ONCE(per_cpu(nmi_is_sent, cpu), true);
      apic->send_IPI(cpu, NMI_VECTOR);
    }
    cpus_read_unlock();
    usleep_range(100, 200);
  }
  return 0;
}

static struct task_struct* nmi_sender;

static void begin_nmis(void) {
  unsigned cpu;

  for_each_possible_cpu(cpu) begin_worker(&per_cpu(in_nmi, cpu), 4000 + cpu, 4096);
  if (register_nmi_handler(NMI_LOCAL, in_our_nmi, 0, "rsb_test") != 0) return;
  nmi_sender = kthread_run(send_nmis, NULL, "rsb_test/nmi");
}

static void end_nmis(void) {
  if (!IS_ERR_OR_NULL(nmi_sender)) kthread_stop(nmi_sender);
  msleep(20);  // the last one may be under way
  unregister_nmi_handler(NMI_LOCAL, "rsb_test");
}

static void empty_nmis(void) {
  u64 calls = 0, allocated = 0, refused = 0;
  unsigned cpu;

  for_each_possible_cpu(cpu) {
    struct worker* const worker = &per_cpu(in_nmi, cpu);

    calls += per_cpu(nmi_calls, cpu);
    allocated += worker->allocated;
    refused += worker->refused;
    worker->refused = 0;  // as is right: the lock was somebody else's
    empty(worker);
  }
  pr_info("%llu NMIs allocated %llu, and were refused %llu\n", calls, allocated, refused);
  if (calls == 0 || allocated == 0) find_fault("NMIs have done nothing", NULL);
}
#else
static void begin_nmis(void) {}
static void end_nmis(void) {}
static void empty_nmis(void) {}
#endif

// ---- All of them ----

static int verify_empty(size_t live_before) {
  struct rsb_kstats stats;
  const char* const broken = rsb_kcheck();

  rsb_kstats(&stats);
  pr_info("%llu allocated, %llu freed, %llu refused; %zu live, %zu cached, %zu deferred\n",
          all.allocated, all.freed, all.refused, stats.live_blocks - live_before,
          stats.cached_blocks, stats.deferred_blocks);
  if (broken) find_fault(broken, NULL);
  if (stats.live_blocks != live_before) find_fault("blocks are live after all was freed", NULL);
  if (all.refused != 0) find_fault("there was no memory", NULL);
  if (all.allocated != all.freed) find_fault("not as many freed as allocated", NULL);
  return atomic_read(&wrong) == 0 ? 0 : -EIO;
}

int rsb_test_stress(unsigned seconds) {
  const unsigned threads = 2 * num_online_cpus();
  struct worker* const workers = kvcalloc(threads, sizeof *workers, GFP_KERNEL);
  struct task_struct** const tasks = kvcalloc(threads, sizeof *tasks, GFP_KERNEL);
  struct handlers* const handlers = kvcalloc(nr_cpu_ids, sizeof *handlers, GFP_KERNEL);
  u64 hard_calls = 0, soft_calls = 0, tasklet_calls = 0, by_threads = 0;
  struct rsb_kstats before;
  unsigned i, cpu;
  int status = -ENOMEM;

  if (!workers || !tasks || !handlers) goto out;
  rsb_kstats(&before);
  for (i = 0; i < nr_cpu_ids; i++) make_handlers(&handlers[i], i);
  for (i = 0; i < threads; i++) {
    begin_worker(&workers[i], i, 40000);
    tasks[i] = kthread_run(run_thread, &workers[i], "rsb_test/%u", i);
    if (IS_ERR(tasks[i])) {
      find_fault("there is a thread less", NULL);
      tasks[i] = NULL;
    }
  }
  cpus_read_lock();
  for_each_online_cpu(cpu) smp_call_function_single(cpu, begin_handlers, &handlers[cpu], 1);
  cpus_read_unlock();

  begin_nmis();

  msleep(seconds * 1000);

  end_nmis();

  for (i = 0; i < threads; i++) {
    if (tasks[i]) kthread_stop(tasks[i]);
  }
  WRITE_ONCE(is_over, true);
  for (i = 0; i < nr_cpu_ids; i++) {
    hrtimer_cancel(&handlers[i].hard_timer);
    hrtimer_cancel(&handlers[i].soft_timer);
    tasklet_kill(&handlers[i].tasklet);
  }

  for (i = 0; i < BOXES; i++) {
    if (boxes[i]) release(&all, boxes[i]);
  }
  for (i = 0; i < threads; i++) {
    by_threads += workers[i].allocated;
    empty(&workers[i]);
  }
  for (i = 0; i < nr_cpu_ids; i++) {
    hard_calls += handlers[i].hard_calls;
    soft_calls += handlers[i].soft_calls;
    tasklet_calls += handlers[i].tasklet_calls;
    empty(&handlers[i].in_hard_timer);
    empty(&handlers[i].in_soft_timer);
    empty(&handlers[i].in_tasklet);
  }
  pr_info(
      "%u threads allocated %llu; %llu hard interrupts, %llu soft ones and %llu tasklets %llu\n",
      threads, by_threads, hard_calls, soft_calls, tasklet_calls, all.allocated - by_threads);
  if (by_threads == 0 || hard_calls == 0 || soft_calls == 0 || tasklet_calls == 0)
    find_fault("somebody has done nothing", NULL);
  empty_nmis();
  status = verify_empty(before.live_blocks);
out:
  kvfree(handlers);
  kvfree(tasks);
  kvfree(workers);
  return status;
}

// ---- No memory ----

int rsb_test_exhaust(void) {
  const gfp_t flags = GFP_KERNEL | __GFP_NORETRY | __GFP_NOWARN;
  struct worker worker = {};
  struct link {
    struct link* next;
  }* links = NULL;
  struct rsb_kstats full, after;
  size_t bytes = 0;
  unsigned long interrupts;
  void* block;

  begin_worker(&worker, 1, 0);
  for (;;) {
    const u32 size = 8 + next_random(&worker.random) % 65536;
    struct link* const link = rsb_kmalloc(size, flags);

    if (!link) break;
    link->next = links;
    links = link;
    bytes += size;
    worker.allocated++;
    if (worker.allocated % 1024 == 0) cond_resched();
  }
  rsb_kstats(&full);
  // What needs whole pages now is refused everywhere, and what lies in caches is not.
  local_irq_save(interrupts);
  block = rsb_kmalloc(4u << 20, GFP_ATOMIC);
  local_irq_restore(interrupts);
  if (block || full.failures == 0) find_fault("there was memory", block);
  if (rsb_kcheck()) find_fault(rsb_kcheck(), NULL);

  while (links) {
    struct link* const next = links->next;

    rsb_kfree(links);
    links = next;
  }
  rsb_ktrim();
  rsb_kstats(&after);
  pr_info("%llu blocks of %zu MiB until there was no memory; %zu KiB, then %zu KiB\n",
          worker.allocated, bytes >> 20, full.acquired_bytes >> 10, after.acquired_bytes >> 10);
  if (after.live_blocks != 0) find_fault("blocks are live after all was freed", NULL);
  if (bytes < 256u << 20) find_fault("there was hardly any memory", NULL);
  if (after.acquired_bytes > 1u << 20) find_fault("memory was not given back", NULL);
  if (rsb_kcheck()) find_fault(rsb_kcheck(), NULL);
  return atomic_read(&wrong) == 0 ? 0 : -EIO;
}
