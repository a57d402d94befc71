// The prefixed C names, and the built instance itself.
#include "family.hpp"
#include "rsb/inspector.hpp"

namespace rsb {
constinit Heap<Instance> instance;
}

using rsb::instance;
namespace family = rsb::family;

extern "C" {

void* rsb_malloc(size_t size) noexcept {
  return instance.allocate(size);
}

void* rsb_calloc(size_t count, size_t size) noexcept {
  return instance.allocate_zeroed(family::product(count, size));
}

void rsb_free(void* block) noexcept {
  instance.deallocate(block);
}

void* rsb_realloc(void* block, size_t size) noexcept {
  return instance.reallocate(block, size);
}

void* rsb_reallocarray(void* block, size_t count, size_t size) noexcept {
  return instance.reallocate(block, family::product(count, size));
}

void* rsb_aligned_alloc(size_t alignment, size_t size) noexcept {
  return family::allocate_aligned(alignment, size);
}

void* rsb_memalign(size_t alignment, size_t size) noexcept {
  return family::allocate_aligned_rounding_up(alignment, size);
}

int rsb_posix_memalign(void** block, size_t alignment, size_t size) noexcept {
  return family::posix_memalign(block, alignment, size);
}

void* rsb_valloc(size_t size) noexcept {
  return instance.allocate(size, decltype(instance)::page);
}

void* rsb_pvalloc(size_t size) noexcept {
  return family::allocate_pages_for(size);
}

size_t rsb_malloc_usable_size(const void* block) noexcept {
  return instance.usable_size(block);
}

void rsb_free_sized(void* block, size_t size) noexcept {
  instance.deallocate(block, size);
}

void rsb_free_aligned_sized(void* block, size_t alignment, size_t size) noexcept {
  family::free_aligned_sized(block, alignment, size);
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

size_t rsb_page_size(void) noexcept {
  return decltype(instance)::page;
}

void* rsb_page_allocate(size_t pages, size_t alignment) noexcept {
  return instance.pages().allocate(pages, rsb::larger(alignment, decltype(instance)::page));
}

int rsb_page_resize(void* run, size_t pages) noexcept {
  return instance.pages().resize(run, pages);
}

void rsb_page_free(void* run) noexcept {
  instance.pages().deallocate(run);
}

size_t rsb_add_region(void* base, size_t bytes) noexcept {
  return instance.add_region(base, bytes);
}

void rsb_get_stats(rsb_stats* stats) noexcept {
  *stats = rsb::inspect(instance).stats();
}

int rsb_get_bin_stats(size_t bin, rsb_bin_stats* stats) noexcept {
  if (bin >= decltype(instance)::Classes::count) return 0;
  *stats = rsb::inspect(instance).bin_stats(bin);
  return 1;
}

int rsb_walk(int (*visit)(void*, size_t, void*), void* context) {
  return rsb::inspect(instance).walk(
      [=](void* block, size_t bytes) { return visit(block, bytes, context) != 0; });
}

const char* rsb_check(void) noexcept {
  return rsb::inspect(instance).check();
}

size_t rsb_trim(void) noexcept {
  return instance.trim();
}

const char* rsb_fault_name(rsb_fault_kind kind) noexcept {
  return rsb::fault_name(static_cast<rsb::Fault>(kind));
}

rsb_out_of_memory_handler rsb_set_out_of_memory_handler(
    rsb_out_of_memory_handler handler) noexcept {
  return instance.set_out_of_memory_handler(handler);
}

}  // extern "C"
