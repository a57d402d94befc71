// SPDX-License-Identifier: MIT OR Apache-2.0
#include "report_text.hpp"

#include "rsb/options.hpp"
#include "rsb/rsb.h"
#include "writer.hpp"

namespace {

using rsb::KiB;
using rsb::platform::Process;
using rsb::platform::Writer;

// So much that it seldom takes more than one write(): what processes that end at the same time say
// does not mix. Not on the stack, which may be a signal handler's.
constinit char buffer[8 * KiB];

constexpr const char* line = "rsbmalloc: ";

template <class Slot, class Spans, class Slots>
void put_row(Writer& out, Slot slot, Spans spans, Slots slots) noexcept {
  out << line;
  out.put_column(slot, 8) << " ";
  out.put_column(spans, 8) << " ";
  out.put_column(slots, 10) << " ";
}

template <class Live, class Bytes>
void put_end_of_row(Writer& out, Live live, Bytes bytes) noexcept {
  out.put_column(live, 10) << " ";
  out.put_column(bytes, 10) << "\n";
}

// Calls f(bin) for each that has spans.
template <class F>
void for_each_bin(F f) noexcept {
  rsb_bin_stats bin;
  for (size_t i = 0; rsb_get_bin_stats(i, &bin) != 0; i++) {
    if (bin.spans != 0) f(bin);
  }
}

struct Key {
  const char* name;
  size_t rsb_stats::*value;
};
constexpr Key keys[] = {
    {"live_blocks", &rsb_stats::live_blocks},
    {"live_bytes", &rsb_stats::live_bytes},
    {"large_blocks", &rsb_stats::large_blocks},
    {"large_bytes", &rsb_stats::large_bytes},
    {"used_bytes", &rsb_stats::used_bytes},
    {"peak_used_bytes", &rsb_stats::peak_used_bytes},
    {"free_bytes", &rsb_stats::free_bytes},
    {"kept_bytes", &rsb_stats::kept_bytes},
    {"acquired_bytes", &rsb_stats::acquired_bytes},
    {"peak_acquired_bytes", &rsb_stats::peak_acquired_bytes},
    {"metadata_bytes", &rsb_stats::metadata_bytes},
    {"acquisitions", &rsb_stats::acquisitions},
    {"releases", &rsb_stats::releases},
    {"failures", &rsb_stats::failures},
    {"longest_run_bytes", &rsb_stats::longest_run_bytes},
    {"largest_block_bytes", &rsb_stats::largest_block_bytes},
    {"deferred_blocks", &rsb_stats::deferred_blocks},
    {"reserved_pages", &rsb_stats::reserved_pages},
    {"cached_blocks", &rsb_stats::cached_blocks},
    {"cached_bytes", &rsb_stats::cached_bytes},
};

}  // namespace

[[gnu::cold]] void rsb::platform::write_table(int descriptor, const Process& process) noexcept {
  rsb_stats s;
  rsb_get_stats(&s);
  Writer out(descriptor, buffer);
  (out << line).put_escaped(process.program) << ", pid " << static_cast<size_t>(process.id) << "\n";
  out << line << s.live_blocks << " live blocks of " << s.live_bytes / KiB << " KiB in "
      << s.used_bytes / KiB << " KiB of pages (at most " << s.peak_used_bytes / KiB << " KiB)\n";
  if (s.cached_bytes != 0) out << line << s.cached_bytes / KiB << " KiB of them in caches\n";
  out << line << s.acquired_bytes / KiB << " KiB acquired (at most " << s.peak_acquired_bytes / KiB
      << " KiB), " << s.acquisitions << " acquisitions, " << s.releases << " releases, "
      << s.failures << " failures\n";
  put_row(out, "slot", "spans", "slots");
  put_end_of_row(out, "live", "bytes");
  for_each_bin([&](const rsb_bin_stats& bin) {
    put_row(out, bin.slot_bytes, bin.spans, bin.slots);
    put_end_of_row(out, bin.live, bin.live * bin.slot_bytes);
  });
  put_row(out, "large", "-", "-");
  put_end_of_row(out, s.large_blocks, s.large_bytes);
}

[[gnu::cold]] void rsb::platform::write_json(int descriptor, const Process& process) noexcept {
  rsb_stats s;
  rsb_get_stats(&s);
  Writer out(descriptor, buffer);
  (out << "{\"program\":\"").put_escaped(process.program) << "\",\"pid\":";
  out << static_cast<size_t>(process.id);
  for (const Key& key : keys) out << ",\"" << key.name << "\":" << s.*key.value;
  out << ",\"bins\":[";
  const char* separator = "";
  for_each_bin([&](const rsb_bin_stats& bin) {
    out << separator << "{\"slot_bytes\":" << bin.slot_bytes << ",\"spans\":" << bin.spans;
    out << ",\"slots\":" << bin.slots << ",\"live\":" << bin.live << "}";
    separator = ",";
  });
  out << "]}\n";
}
