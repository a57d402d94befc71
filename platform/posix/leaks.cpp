// SPDX-License-Identifier: MIT OR Apache-2.0
#include "leaks.hpp"

#include <sys/mman.h>

#include "addresses.hpp"
#include "instance.hpp"
#include "rsb/cached_inspector.hpp"
#include "rsb/small_inspector.hpp"

namespace {

using rsb::platform::Process;
using rsb::platform::Writer;

constinit char buffer[2048];

struct Site {
  const void* call = nullptr;  // where it returns to
  size_t blocks = 0;
  size_t bytes = 0;

  void add(const Site& more) noexcept {
    blocks += more.blocks;
    bytes += more.bytes;
  }
};

// Call sites by address, as many as there is room for. In pages of its own.
class Sites {
 public:
  Sites() noexcept {
    void* const mapped =
        mmap(nullptr, bytes_of_table, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped != MAP_FAILED) table_ = static_cast<Site*>(mapped);
  }
  ~Sites() {
    if (table_ != nullptr) munmap(table_, bytes_of_table);
  }
  Sites(const Sites&) = delete;
  Sites& operator=(const Sites&) = delete;

  void add(const void* call, size_t bytes) noexcept {
    const Site one{call, 1, bytes};
    total.add(one);
    if (Site* const site = find(call)) {
      site->call = call;
      site->add(one);
    } else {
      rest.add(one);
    }
  }

  // The one with the most bytes, which is then no more among them. Null: there is none.
  bool take_largest(Site& out) noexcept {
    Site* largest = nullptr;
    for (size_t i = 0; table_ != nullptr && i < places; i++) {
      if (table_[i].blocks == 0) continue;
      if (largest == nullptr || table_[i].bytes > largest->bytes) largest = &table_[i];
    }
    if (largest == nullptr) return false;
    out = *largest;
    *largest = {};
    return true;
  }

  size_t count() const noexcept { return count_; }

  Site total;
  Site rest;  // of calls for which there was no room

 private:
  static constexpr size_t places = 8192;  // a power of two
  static constexpr size_t most = places / 4 * 3;
  static constexpr size_t bytes_of_table = places * sizeof(Site);

  Site* find(const void* call) noexcept {
    if (table_ == nullptr) return nullptr;
    const uint64_t mixed = uint64_t{rsb::address_of(call)} * 0x9e3779b97f4a7c15u;
    for (size_t i = static_cast<size_t>(mixed >> 32);; i++) {
      Site& site = table_[i % places];
      if (site.blocks != 0 && site.call == call) return &site;
      if (site.blocks != 0) continue;
      if (count_ == most) return nullptr;
      count_++;
      return &site;
    }
  }

  Site* table_ = nullptr;
  size_t count_ = 0;
};

constexpr const char* line = "rsbmalloc: ";

void put_amount(Writer& out, const Site& site) noexcept {
  out << line;
  out.put_column(site.blocks, 10) << " ";
  out.put_column(site.bytes, 12) << " ";
}

[[maybe_unused]] void put_sites(Writer& out, Sites& sites) noexcept {
  constexpr size_t most_lines = 50;
  out << sites.total.blocks << " live blocks of " << sites.total.bytes << " bytes, from "
      << sites.count() << (sites.rest.blocks != 0 ? " and more calls\n" : " calls\n");
  if (sites.total.blocks == 0) return;
  out << line;
  out.put_column("blocks", 10) << " ";
  out.put_column("bytes", 12) << " allocated by\n";
  Site site;
  for (size_t i = 0; i < most_lines && sites.take_largest(site); i++) {
    put_amount(out, site);
    rsb::platform::put_call(out, site.call);
    out << "\n";
  }
  while (sites.take_largest(site)) sites.rest.add(site);
  if (sites.rest.blocks == 0) return;
  put_amount(out, sites.rest);
  out << "others\n";
}

// Templates, so that what other heaps lack is not compiled for them.
template <class Inspector>
void put_leaks(Writer& out, Inspector inspector) noexcept {
  if constexpr (rsb::BuiltHeap::options.checks == rsb::Checks::full) {
    Sites sites;
    inspector.walk_with_callers([&](void*, size_t bytes, const void* allocated_by) {
      sites.add(allocated_by, bytes);
      return true;
    });
    put_sites(out, sites);
  } else {
    out << "who has allocated what is live is known with RSB_CHECKS=full\n";
  }
}

}  // namespace

[[gnu::cold]] void rsb::platform::write_leaks(int descriptor, const Process& process) noexcept {
  Writer out(descriptor, buffer);
  (out << line).put_escaped(process.program) << ", pid " << static_cast<size_t>(process.id) << "\n";
  put_leaks(out << line, inspect(instance));
}
