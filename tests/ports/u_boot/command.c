// SPDX-License-Identifier: MIT OR Apache-2.0
/* A command for U-Boot that says what its malloc.h promises, and misuses it: */
/*   rsbtest            checks all functions */
/*   rsbtest more       adds a second arena */
/*   rsbtest KIND       double, foreign, interior: does so */
#include <common.h>

#include <asm/global_data.h>
#include <command.h>
#include <linux/sizes.h>
#include <malloc.h>

DECLARE_GLOBAL_DATA_PTR;

static int failures;

#define CHECK(condition) check(condition, #condition, __LINE__)
static void check(bool holds, const char* condition, int line) {
  if (holds) return;
  printf("rsbtest: line %d: %s\n", line, condition);
  failures++;
}

static bool is_filled(const unsigned char* p, size_t bytes, unsigned char with) {
  while (bytes--)
    if (*p++ != with) return false;
  return true;
}

static bool is_aligned(const void* p, ulong alignment) {
  return p && !((ulong)p % alignment);
}

static int live_bytes(void) {
  return mallinfo().uordblks;
}

/* What the compiler does not see through. */
static size_t opaque(size_t n) {
  volatile size_t v = n;

  return v;
}

static void check_sizes(void) {
  static const size_t sizes[] = {0,    1,    8,    16,    24,      100,
                                 1000, 4096, 5000, 65536, 1000000, CONFIG_SYS_MALLOC_LEN / 3};
  unsigned char* blocks[ARRAY_SIZE(sizes)];
  int i;

  for (i = 0; i < ARRAY_SIZE(sizes); i++) {
    blocks[i] = malloc(sizes[i]);
    CHECK(is_aligned(blocks[i], sizes[i] < 16 ? 8 : 16));
    CHECK(malloc_usable_size(blocks[i]) >= sizes[i]);
    memset(blocks[i], i + 1, sizes[i]);
  }
  for (i = 0; i < ARRAY_SIZE(sizes); i++) CHECK(is_filled(blocks[i], sizes[i], i + 1));
  for (i = 0; i < ARRAY_SIZE(sizes); i++) free(blocks[i]);
  free(NULL);
  CHECK(!malloc_usable_size(NULL));
}

static void check_alignments(void) {
  ulong alignment;

  for (alignment = 1; alignment <= 1 << 20; alignment *= 2) {
    void* const small = memalign(alignment, 1);
    void* const large = memalign(alignment, 70000);

    CHECK(is_aligned(small, alignment));
    CHECK(is_aligned(large, alignment));
    free(small);
    free(large);
  }
  void* const page = valloc(1);
  void* const pages = pvalloc(4097);

  CHECK(is_aligned(page, 4096));
  CHECK(is_aligned(pages, 4096));
  CHECK(malloc_usable_size(pages) >= 8192);
  free(page);
  cfree(pages);
}

static void check_zeroes(void) {
  static const size_t sizes[] = {1, 24, 200, 3000, 20000};
  int i;

  for (i = 0; i < ARRAY_SIZE(sizes); i++) {
    void* const dirty = malloc(sizes[i]);

    memset(dirty, 0xaa, malloc_usable_size(dirty));
    free(dirty);
    void* const block = calloc(sizes[i], 1);

    CHECK(is_filled(block, sizes[i], 0));
    free(block);
  }
}

static void check_resizing(void) {
  static const size_t sizes[] = {10, 30, 500, 5000, 300000, CONFIG_SYS_MALLOC_LEN / 4, 4000, 40, 0};
  unsigned char* block = realloc(NULL, 5);
  size_t filled = 5;
  int i;

  memset(block, 0x55, filled);
  for (i = 0; i < ARRAY_SIZE(sizes); i++) {
    block = realloc(block, sizes[i]);
    CHECK(is_filled(block, min(filled, sizes[i]), 0x55));
    filled = sizes[i];
    memset(block, 0x55, filled);
  }
  CHECK(block);
  CHECK(!realloc(block, opaque((size_t)1 << 40)));
  free(block);
}

static void check_failures(void) {
  CHECK(!malloc(opaque(CONFIG_SYS_MALLOC_LEN)));
  CHECK(!malloc(opaque(-1)));
  CHECK(!malloc(opaque(-64)));
  CHECK(!memalign(64, opaque(-32)));
  CHECK(!calloc(opaque(-1), 2));
  CHECK(!calloc(opaque((size_t)1 << 33), (size_t)1 << 32));
  CHECK(!pvalloc(opaque(-1)));

  malloc_enable_testing(2);
  void* const first = malloc(8);
  void* const second = memalign(64, 8);

  CHECK(first && second);
  CHECK(!malloc(8));
  CHECK(!calloc(1, 8));
  malloc_disable_testing();
  free(first);
  free(second);
}

/* All memory can be had, and comes back. Returns how much it was. */
static ulong all_memory(void) {
  const size_t bytes = 7 * 4096;
  void** last = NULL;
  ulong had = 0;

  for (;;) {
    void** const next = malloc(bytes);

    if (!next) break;
    *next = last;
    last = next;
    had += bytes;
  }
  while (last) {
    void** const next = *last;

    free(last);
    last = next;
  }
  return had;
}

static void check_arena(void) {
  char* const block = malloc(100);

  CHECK((ulong)block - mem_malloc_start < mem_malloc_end - mem_malloc_start);
  CHECK(mem_malloc_end - mem_malloc_start >= CONFIG_SYS_MALLOC_LEN);
  CHECK(mem_malloc_brk <= mem_malloc_end);
  free(block);

  /* Blocks from before relocation may be freed, and nothing becomes of it. */
  CHECK(gd->malloc_ptr);
  free((void*)gd->malloc_base);
  free((void*)gd->malloc_base + 16);
  free((void*)gd->malloc_base);

  const ulong had = all_memory();

  printf("rsbtest: %lu of %d bytes\n", had, CONFIG_SYS_MALLOC_LEN);
  CHECK(had > CONFIG_SYS_MALLOC_LEN / 8 * 7);
}

static void check_accounts(void) {
  const struct mallinfo before = mallinfo();
  void* const block = malloc(1000);
  const struct mallinfo with = mallinfo();

  CHECK(before.arena > CONFIG_SYS_MALLOC_LEN / 16 * 15);
  CHECK(before.uordblks + before.fordblks == before.arena);
  CHECK(before.uordblks > 10000);
  CHECK(with.uordblks - before.uordblks >= 1000);
  CHECK(with.uordblks - before.uordblks < 1100);
  free(block);
  CHECK(live_bytes() == before.uordblks);
  malloc_stats();
}

/* A second arena is added to the first. */
static int check_second_arena(void) {
  const ulong start = mem_malloc_start;
  const ulong end = mem_malloc_end;
  const ulong brk = mem_malloc_brk;
  const ulong before = all_memory();
  void* const block = malloc(100);

  mem_malloc_init(gd->ram_base + SZ_64M, SZ_1M);
  CHECK(mem_malloc_start == gd->ram_base + SZ_64M);
  mem_malloc_start = start;
  mem_malloc_end = end;
  mem_malloc_brk = brk;
  free(block);
  CHECK(all_memory() > before + SZ_1M / 8 * 7);
  printf("rsbtest: %d failures\n", failures);
  return failures != 0;
}

static int do_rsbtest(struct cmd_tbl* cmdtp, int flag, int argc, char* const argv[]) {
  char* const block = malloc(100);

  if (argc > 1) {
    if (!strcmp(argv[1], "more")) {
      free(block);
      return check_second_arena();
    } else if (!strcmp(argv[1], "double")) {
      free(block);
      free(block);
    } else if (!strcmp(argv[1], "foreign")) {
      free((void*)gd->ram_base);
    } else if (!strcmp(argv[1], "interior")) {
      free(block + 16);
    }
    printf("rsbtest: not seen\n");
    return 1;
  }
  failures = 0;
  const int before = live_bytes();

  check_sizes();
  check_alignments();
  check_zeroes();
  check_resizing();
  check_failures();
  check_arena();
  check_accounts();
  CHECK(live_bytes() == before);
  free(block);
  printf("rsbtest: %d failures\n", failures);
  return failures != 0;
}

U_BOOT_CMD(rsbtest, 2, 0, do_rsbtest, "checks malloc.h", "[more|double|foreign|interior]");
