// SPDX-License-Identifier: MIT OR Apache-2.0
// The folder rsbmalloc of debugfs: stats, bins, map and check to read, trim to write to.
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/seq_file.h>

#include "heap.h"
#include "module.h"
#include "rsbmalloc.h"

static int stats_show(struct seq_file* file, void* unused) {
  struct rsb_kstats s;

  rsb_kstats(&s);
#define SHOW(name) seq_printf(file, "%-24s%14zu\n", #name, s.name)
  SHOW(live_blocks);
  SHOW(live_bytes);
  SHOW(cached_blocks);
  SHOW(cached_bytes);
  SHOW(deferred_blocks);
  SHOW(used_bytes);
  SHOW(free_bytes);
  SHOW(longest_free_run_bytes);
  SHOW(acquired_bytes);
  SHOW(peak_acquired_bytes);
  SHOW(metadata_bytes);
  SHOW(object_bytes);
  SHOW(failures);
  SHOW(pages_acquired);
  SHOW(pages_released);
  SHOW(shrinks);
  SHOW(shrunk_bytes);
  SHOW(caches_returned);
#undef SHOW
  return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats);

static int bins_show(struct seq_file* file, void* unused) {
  size_t bin;

  seq_puts(file, "bytes     spans     slots      live\n");
  for (bin = 0; bin < rsb_heap_bins(); bin++) {
    size_t bytes, spans, slots, live;

    rsb_heap_bin(bin, &bytes, &spans, &slots, &live);
    if (spans != 0) seq_printf(file, "%5zu%10zu%10zu%10zu\n", bytes, spans, slots, live);
  }
  return 0;
}
DEFINE_SHOW_ATTRIBUTE(bins);

struct map {
  struct seq_file* file;
  const char* next;  // the address behind the last page shown
  unsigned column;
};

static void show_run(void* context, const void* base, size_t bytes, char use, size_t live_bytes) {
  struct map* const map = context;
  size_t done;
  // Of slots, how many tenths are live: '#' is all of them, or nearly.
  if (use == 's') {
    const size_t tenths = (live_bytes * 10 + bytes / 2) / bytes;
    use = tenths >= 10 ? '#' : '0' + tenths;
  }
  for (done = 0; done < bytes; done += PAGE_SIZE) {
    const char* const page = (const char*)base + done;

    if (page != map->next || map->column == 64) {
      const phys_addr_t where = virt_to_phys((void*)page);

      seq_printf(map->file, "%s%#014llx  ", map->next ? "\n" : "", (unsigned long long)where);
      map->column = 0;
    }
    seq_putc(map->file, use);
    map->next = page + PAGE_SIZE;
    map->column++;
  }
}

// By physical addresses: where the direct map begins is a secret.
static int map_show(struct seq_file* file, void* unused) {
  struct map map = {.file = file};

  seq_puts(
      file,
      "a page a character: . free, 0-9 # tenths of its slots live, L large block, R reserve\n");
  rsb_heap_walk_runs(show_run, &map);
  if (map.next) seq_putc(file, '\n');
  return 0;
}
DEFINE_SHOW_ATTRIBUTE(map);

static int check_show(struct seq_file* file, void* unused) {
  const char* const broken = rsb_heap_check();

  seq_printf(file, "%s\n", broken ? broken : "all is well");
  return 0;
}
DEFINE_SHOW_ATTRIBUTE(check);

static ssize_t trim_write(struct file* file, const char __user* text, size_t bytes, loff_t* at) {
  rsb_heap_trim();
  return bytes;
}

static const struct file_operations trim_fops = {
    .owner = THIS_MODULE,
    .open = simple_open,
    .write = trim_write,
};

static struct dentry* folder;

void rsb_debugfs_begin(void) {
  folder = debugfs_create_dir("rsbmalloc", NULL);
  debugfs_create_file("stats", 0400, folder, NULL, &stats_fops);
  debugfs_create_file("bins", 0400, folder, NULL, &bins_fops);
  debugfs_create_file("map", 0400, folder, NULL, &map_fops);
  debugfs_create_file("check", 0400, folder, NULL, &check_fops);
  debugfs_create_file("trim", 0200, folder, NULL, &trim_fops);
}

void rsb_debugfs_end(void) {
  debugfs_remove_recursive(folder);
}
