// SPDX-License-Identifier: MIT OR Apache-2.0
// What a pair of allocation and release takes, and memory for many blocks: each beside the kernel's
// own allocator.
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/timex.h>
#include <linux/vmalloc.h>
#include <linux/vmstat.h>

#include "rsbmalloc.h"
#include "test.h"

#define PAIRS 1000

// The least of some rounds, which no interrupt has come into. In tenths of what get_cycles()
// counts.
#define LEAST_OF_PAIR(allocate, release)                                 \
  ({                                                                     \
    u64 least_ = U64_MAX;                                                \
    unsigned round_, pair_;                                              \
    for (round_ = 0; round_ < 50; round_++) {                            \
      const u64 begin_ = get_cycles();                                   \
      for (pair_ = 0; pair_ < PAIRS; pair_++) {                          \
        void* block_ = allocate;                                         \
        OPTIMIZER_HIDE_VAR(block_);                                      \
        release;                                                         \
      }                                                                  \
      least_ = min_t(u64, least_, (get_cycles() - begin_) * 10 / PAIRS); \
    }                                                                    \
    least_;                                                              \
  })

#define BLOCKS 100000

static size_t slab_bytes(void) {
  return (global_node_page_state_pages(NR_SLAB_UNRECLAIMABLE_B) +
          global_node_page_state_pages(NR_SLAB_RECLAIMABLE_B)) *
         PAGE_SIZE;
}

static size_t heap_bytes(void) {
  struct rsb_kstats stats;

  rsb_kstats(&stats);
  return stats.acquired_bytes + stats.metadata_bytes + stats.object_bytes;
}

static u32 size_of_block(u32* random) {
  return 8 + next_random(random) % 2041;
}

int rsb_test_bench(void) {
  void** const blocks = vmalloc(BLOCKS * sizeof *blocks);
  u64 empty, own, ours, own_of_random, ours_of_random;
  size_t before, own_bytes, our_bytes, asked = 0;
  u32 random;
  unsigned i;

  if (!blocks) return -ENOMEM;
  empty = LEAST_OF_PAIR(&random, (void)block_);
  own = LEAST_OF_PAIR(kmalloc(64, GFP_KERNEL), kfree(block_)) - empty;
  ours = LEAST_OF_PAIR(rsb_kmalloc(64, GFP_KERNEL), rsb_kfree(block_)) - empty;
  pr_info(
      "pair of 64 bytes, tenths of an instruction: kmalloc %llu, rsb_kmalloc %llu, ratio %llu %%\n",
      own, ours, ours * 100 / own);

  random = 1;
  empty = LEAST_OF_PAIR((void*)(size_t)size_of_block(&random), (void)block_);
  random = 1;
  own_of_random = LEAST_OF_PAIR(kmalloc(size_of_block(&random), GFP_KERNEL), kfree(block_)) - empty;
  random = 1;
  ours_of_random =
      LEAST_OF_PAIR(rsb_kmalloc(size_of_block(&random), GFP_KERNEL), rsb_kfree(block_)) - empty;
  pr_info("pair of 8 to 2048 bytes: kmalloc %llu, rsb_kmalloc %llu, ratio %llu %%\n", own_of_random,
          ours_of_random, ours_of_random * 100 / own_of_random);

  random = 1;
  before = slab_bytes();
  for (i = 0; i < BLOCKS; i++) {
    const u32 bytes = size_of_block(&random);
    asked += bytes;
    blocks[i] = kmalloc(bytes, GFP_KERNEL);
  }
  own_bytes = slab_bytes() - before;
  for (i = 0; i < BLOCKS; i++) kfree(blocks[i]);

  random = 1;
  for (i = 0; i < BLOCKS; i++) blocks[i] = rsb_kmalloc(size_of_block(&random), GFP_KERNEL);
  our_bytes = heap_bytes();
  for (i = 0; i < BLOCKS; i++) rsb_kfree(blocks[i]);
  pr_info("memory of %u blocks of %zu bytes: kmalloc %zu, rsb_kmalloc %zu, ratio %zu %%\n", BLOCKS,
          asked, own_bytes, our_bytes, our_bytes * 100 / own_bytes);
  vfree(blocks);
  return 0;
}
