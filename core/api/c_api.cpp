// SPDX-License-Identifier: MIT OR Apache-2.0
// The prefixed C names, and the built instance itself. Contracts: rsb/rsb.h.
#include "instance.hpp"
#include "rsb/cached_inspector.hpp"
#include "rsb/internal/machine/error_number.hpp"
#include "rsb/small_inspector.hpp"

namespace rsb {
constinit BuiltHeap instance;
}

using rsb::instance;

namespace {

using rsb::error_invalid;
using rsb::error_no_memory;
using rsb::is_power_of_two;
using rsb::larger;
using rsb::valloc_alignment;

// Saturates to a size that no heap can serve.
size_t product(size_t count, size_t size) noexcept {
  size_t bytes;
  return __builtin_mul_overflow(count, size, &bytes) ? SIZE_MAX : bytes;
}

void* allocate_aligned(size_t alignment, size_t size) noexcept {
  if (!is_power_of_two(alignment)) {
    rsb::platform::invalid_argument();
    return nullptr;
  }
  return instance.allocate(size, larger(alignment, sizeof(void*)));
}

void* allocate_aligned_rounding_up(size_t alignment, size_t size) noexcept {
  if (!is_power_of_two(alignment)) {
    if (alignment > rsb::max_object_bytes) return allocate_aligned(alignment, size);
    alignment = alignment < 2 ? 1 : size_t{1} << (rsb::floor_log2(alignment - 1) + 1);
  }
  return allocate_aligned(alignment, size);
}

// Templates, so that what the configuration does not allow is not compiled.
template <class Heap = decltype(instance), class... Alignment>
void* allocate_nowait(size_t size, Alignment... alignment) noexcept {
  if constexpr (rsb::NowaitLock<rsb::Instance::Lock>) {
    return static_cast<Heap&>(instance).allocate_nowait(size, alignment...);
  } else {
    return nullptr;
  }
}

template <class Heap = decltype(instance)>
void deallocate_nowait(void* block) noexcept {
  if constexpr (Heap::options.deferred_batch != 0) {
    static_cast<Heap&>(instance).deallocate_nowait(block);
  } else {
    __builtin_trap();
  }
}

// What the heap that there is answers; it traps if that has no such function.
template <class Answer, class Ask, class Heap = decltype(instance)>
Answer ask(Ask question) noexcept {
  if constexpr (requires { question(static_cast<Heap&>(instance)); }) {
    return question(static_cast<Heap&>(instance));
  } else {
    __builtin_trap();
  }
}

// The page-only allocator of a heap that has none.
struct NoPageRuns {
  void* allocate(size_t, size_t) const noexcept {
    rsb::platform::exhausted();
    return nullptr;
  }
  bool resize(const void*, size_t) const noexcept { return false; }
  void deallocate(const void* run) const noexcept {
    if (run != nullptr) rsb::raise(rsb::Fault::foreign_pointer, run);
  }
};

template <class Heap = decltype(instance)>
decltype(auto) page_runs() noexcept {
  if constexpr (rsb::is_small) {
    return NoPageRuns();
  } else {
    return static_cast<Heap&>(instance).pages();
  }
}

}  // namespace

extern "C" {

void* rsb_malloc(size_t size) noexcept {
  return instance.allocate(size);
}

void* rsb_calloc(size_t count, size_t size) noexcept {
  return instance.allocate_zeroed(product(count, size));
}

void rsb_free(void* block) noexcept {
  instance.deallocate(block);
}

void* rsb_realloc(void* block, size_t size) noexcept {
  return instance.reallocate(block, size);
}

void* rsb_reallocarray(void* block, size_t count, size_t size) noexcept {
  return rsb_realloc(block, product(count, size));
}

void* rsb_aligned_alloc(size_t alignment, size_t size) noexcept {
  return allocate_aligned(alignment, size);
}

void* rsb_memalign(size_t alignment, size_t size) noexcept {
  return allocate_aligned_rounding_up(alignment, size);
}

int rsb_posix_memalign(void** block, size_t alignment, size_t size) noexcept {
  if (!is_power_of_two(alignment) || alignment < sizeof(void*)) return error_invalid;
  void* const result = rsb::allocate_by(rsb::Made::by_allocate, size, alignment);
  if (result == nullptr) return error_no_memory;
  *block = result;
  return 0;
}

void* rsb_valloc(size_t size) noexcept {
  return instance.allocate(size, valloc_alignment());
}

void* rsb_pvalloc(size_t size) noexcept {
  constexpr size_t page = valloc_alignment();
  const size_t rounded =
      size > rsb::max_object_bytes ? SIZE_MAX : rsb::align_up(larger(size, 1), page);
  return instance.allocate(rounded, page);
}

size_t rsb_malloc_usable_size(const void* block) noexcept {
  return instance.usable_size(block);
}

void rsb_free_sized(void* block, size_t size) noexcept {
  instance.deallocate(block, size);
}

void rsb_free_aligned_sized(void* block, size_t alignment, size_t size) noexcept {
  instance.deallocate(block, size, larger(alignment, sizeof(void*)));
}

void* rsb_allocate(size_t size, size_t alignment) noexcept {
  return instance.allocate(size, alignment);
}

void* rsb_allocate_zeroed(size_t size, size_t alignment) noexcept {
  return instance.allocate(size, alignment, rsb::Fill::zero);
}

void* rsb_reallocate(void* block, size_t size, size_t alignment) noexcept {
  return instance.reallocate(block, size, alignment);
}

void rsb_deallocate(void* block, size_t size, size_t alignment) noexcept {
  instance.deallocate(block, size, alignment);
}

void* rsb_malloc_nowait(size_t size) noexcept {
  return allocate_nowait(size);
}

void* rsb_aligned_alloc_nowait(size_t alignment, size_t size) noexcept {
  return is_power_of_two(alignment) ? allocate_nowait(size, larger(alignment, sizeof(void*)))
                                    : nullptr;
}

void rsb_free_nowait(void* block) noexcept {
  deallocate_nowait(block);
}

size_t rsb_page_size(void) noexcept {
  return rsb::is_small ? 0 : valloc_alignment();
}

void* rsb_page_allocate(size_t pages, size_t alignment) noexcept {
  return page_runs().allocate(pages, larger(alignment, valloc_alignment()));
}

int rsb_page_resize(void* run, size_t pages) noexcept {
  return page_runs().resize(run, pages);
}

void rsb_page_free(void* run) noexcept {
  page_runs().deallocate(run);
}

size_t rsb_add_region(void* base, size_t bytes) noexcept {
  return instance.add_region(base, bytes);
}

size_t rsb_remove_region(void* base, size_t bytes) noexcept {
  return instance.remove_region(base, bytes);
}

void rsb_get_stats(rsb_stats* stats) noexcept {
  *stats = static_cast<rsb_stats>(rsb::inspect(instance).stats());
}

int rsb_get_bin_stats(size_t bin, rsb_bin_stats* stats) noexcept {
  if (bin >= decltype(rsb::inspect(instance))::bins) return 0;
  *stats = rsb::inspect(instance).bin_stats(bin);
  return 1;
}

int rsb_walk(int (*visit)(void*, size_t, void*), void* context) {
  return rsb::inspect(instance).walk(
      [=](void* block, size_t bytes) { return visit(block, bytes, context) != 0; });
}

int rsb_describe(const void* address, rsb_description* description) noexcept {
  *description = rsb::inspect(instance).describe(address);
  return description->run != nullptr || description->state != RSB_NO_BLOCK;
}

const char* rsb_check(void) noexcept {
  return rsb::inspect(instance).check();
}

size_t rsb_trim(void) noexcept {
  return instance.trim();
}

size_t rsb_free_bytes(void) noexcept {
  return ask<size_t>([](auto& heap) -> decltype(heap.free_bytes()) { return heap.free_bytes(); });
}

size_t rsb_least_free_bytes(void) noexcept {
  return ask<size_t>(
      [](auto& heap) -> decltype(heap.least_free_bytes()) { return heap.least_free_bytes(); });
}

void rsb_reset_least_free_bytes(void) noexcept {
  ask<void>(
      [](auto& heap) -> decltype(heap.reset_least_free_bytes()) { heap.reset_least_free_bytes(); });
}

size_t rsb_largest_request(void) noexcept {
  return ask<size_t>(
      [](auto& heap) -> decltype(heap.largest_request()) { return heap.largest_request(); });
}

size_t rsb_free_blocks(void) noexcept {
  return ask<size_t>([](auto& heap) -> decltype(heap.free_blocks()) { return heap.free_blocks(); });
}

int rsb_may_own(const void* address) noexcept {
  return instance.may_own(address);
}

void* rsb_block_with(const void* address) noexcept {
  return ask<void*>(
      [=](auto& heap) -> decltype(heap.block_with(address)) { return heap.block_with(address); });
}

void rsb_clear(void) noexcept {
  ask<void>([](auto& heap) -> decltype(heap.clear()) { heap.clear(); });
}

size_t rsb_add_growing_region(void* base, size_t bytes, size_t most) noexcept {
  if constexpr (!rsb::is_small) return instance.add_region(base, bytes);
  return ask<size_t>([=](auto& heap) -> decltype(heap.add_region(base, bytes, most)) {
    return heap.add_region(base, bytes, most);
  });
}

size_t rsb_extend_region(void* base, size_t more) noexcept {
  if constexpr (!rsb::is_small) return 0;
  return ask<size_t>([=](auto& heap) -> decltype(heap.extend_region(base, more)) {
    return heap.extend_region(base, more);
  });
}

size_t rsb_shrink_region(void* base, size_t keep) noexcept {
  if constexpr (!rsb::is_small) return 0;
  return ask<size_t>([=](auto& heap) -> decltype(heap.shrink_region(base, keep)) {
    return heap.shrink_region(base, keep);
  });
}

#define RSB_TEXT_OF(number) #number
#define RSB_TEXT(number) RSB_TEXT_OF(number)
const char* rsb_version() noexcept {
  return RSB_TEXT(RSB_VERSION_MAJOR) "." RSB_TEXT(RSB_VERSION_MINOR) "." RSB_TEXT(
      RSB_VERSION_PATCH);
}

const char* rsb_fault_name(rsb_fault_kind kind) noexcept {
  return rsb::fault_name(static_cast<rsb::Fault>(kind));
}

rsb_out_of_memory_handler rsb_set_out_of_memory_handler(
    rsb_out_of_memory_handler handler) noexcept {
  return instance.set_out_of_memory_handler(handler);
}

}  // extern "C"
