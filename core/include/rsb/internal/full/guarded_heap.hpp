// SPDX-License-Identifier: MIT OR Apache-2.0
// Checks::full: what any heap is built into that is to find, besides what Checks::basic names,
// writes beside blocks and to freed ones, releases in the wrong way, and those of what was freed
// long ago. Same interface; what it does not mention is the heap's below.
//
// Theory of operation. Each block is a little larger than was asked for, with a record before and
// known bytes behind (block_record.hpp). A block that is released is filled, and waits in a queue
// (freed_queue.hpp) before the heap below has it back: then the bytes must be as they were left. So
// they must, in slots of bins, when the heap below hands them out again. Large blocks lie between
// pages that nobody can touch, their last bytes at the border, where the page source can protect.
//
// Cost. Two or three turns of the lock a call instead of one, and the filling: linear in
// FullOptions::fill_bytes. In memory the record, 32 bytes (16 where pointers have four), at least 8
// behind the block, and the queue.
//
// Room full: for Checks::full of all heaps.
#pragma once

#include "rsb/fault.hpp"
#include "rsb/internal/blocks/description.hpp"
#include "rsb/internal/full/block_record.hpp"
#include "rsb/internal/full/freed_queue.hpp"
#include "rsb/lock.hpp"
#include "rsb/options.hpp"
#include "rsb/page_source.hpp"

namespace rsb {

// A configuration like another one, for the heap below.
template <class Config>
struct UnderGuards : Config {
  static constexpr auto options = [] {
    auto o = Config::options;
    o.checks = Checks::under_guards;
    return o;
  }();
  static uint32_t random() noexcept = delete;  // which is asked once: what guards blocks seeds both
};

template <class C>
concept FullyChecked = C::options.checks == Checks::full;

template <class Base, class Config>
class GuardedHeap : public Base {
  static constexpr bool is_small = SameAs<decltype(Config::options), const SmallOptions>;

 public:
  static constexpr auto options = Config::options;
  static constexpr bool tells_makers = true;
  static constexpr FullOptions full = [] {
    if constexpr (requires { Config::full; }) {
      return Config::full;
    } else {
      return FullOptions{};
    }
  }();

  constexpr GuardedHeap() noexcept = default;

  // ---- Allocating ----

  [[nodiscard, gnu::noinline]] void* allocate(size_t size) noexcept {
    return make(size, 0, Fill::none, Made::by_allocate, return_address());
  }
  [[nodiscard, gnu::noinline]] void* allocate(size_t size, size_t alignment) noexcept {
    return make(size, larger(alignment, 1), Fill::none, Made::by_allocate, return_address());
  }
  [[nodiscard, gnu::noinline]] void* allocate(size_t size, size_t alignment, Fill fill) noexcept {
    return make(size, larger(alignment, 1), fill, Made::by_allocate, return_address());
  }
  [[nodiscard, gnu::noinline]] void* allocate_zeroed(size_t size) noexcept {
    return make(size, 0, Fill::zero, Made::by_allocate, return_address());
  }
  // To be released by deallocate_as() with the same `made`. Alignment 0: malloc's. `caller`: where
  // the call returns to, for who calls this and does something more.
  [[nodiscard, gnu::noinline]] void* allocate_as(Made made, size_t size, size_t alignment,
                                                 const void* caller) noexcept {
    return make(size, alignment, Fill::none, made, caller);
  }

  // ---- Releasing ----

  [[gnu::noinline]] void deallocate(void* block) noexcept {
    const void* const caller = return_address();
    if (block != nullptr) retire(live_made(block, Made::by_allocate, caller), caller);
  }
  [[gnu::noinline]] void deallocate(void* block, size_t size) noexcept {
    const void* const caller = return_address();
    if (block != nullptr) retire(live_sized(block, size, Made::by_allocate, caller), caller);
  }
  [[gnu::noinline]] void deallocate(void* block, size_t size, size_t alignment) noexcept {
    const void* const caller = return_address();
    if (block == nullptr) return;
    BlockRecord& record = live_sized(block, size, Made::by_allocate, caller);
    refuse_other_alignment(record, alignment);
    retire(record, caller);
  }
  [[gnu::noinline]] void deallocate_as(Made made, void* block) noexcept {
    const void* const caller = return_address();
    if (block != nullptr) retire(live_made(block, made, caller), caller);
  }
  [[gnu::noinline]] void deallocate_as(Made made, void* block, size_t size) noexcept {
    const void* const caller = return_address();
    if (block != nullptr) retire(live_sized(block, size, made, caller), caller);
  }
  [[gnu::noinline]] void deallocate_as(Made made, void* block, size_t size,
                                       size_t alignment) noexcept {
    const void* const caller = return_address();
    if (block == nullptr) return;
    BlockRecord& record = live_sized(block, size, made, caller);
    refuse_other_alignment(record, alignment);
    retire(record, caller);
  }

  void expect_size(const void* block, size_t size) noexcept {
    if (block == nullptr || !Base::may_own(block)) return;
    if (live(block).size() != size) raise(Fault::size_mismatch, block);
  }
  void expect_size(const void* block, size_t size, size_t) noexcept { expect_size(block, size); }

  // ---- Without waiting ----

  // What is written to such a block while it is free is not seen: it is not filled, nor does it
  // wait in the queue. Guard pages of a large one are given up at once, by the page source's
  // unprotect().
  [[gnu::noinline]] void deallocate_nowait(void* block) noexcept {
    if (block == nullptr) return;
    if (!is_aligned(block, alignof(BlockRecord))) raise(Fault::misaligned_pointer, block);
    if constexpr (!is_small) {
      if (!may_have_record(block)) raise(Fault::foreign_pointer, block);
    }
    BlockRecord& record = *BlockRecord::of(block);
    if (!record.is(State::live, secret_)) raise(fault_in_handler(record), block);
    if (record.made() != Made::by_allocate) raise(Fault::mismatched_release, block);
    refuse_overflow(record);
    record.end(State::freed_only, return_address(), secret_);
    char* const base = base_of(record);
    // The one thing that the page source is asked for.
    if (record.front() == 0 && !end_guarding(base)) return;
    Base::deallocate_nowait(base);
  }

  [[nodiscard, gnu::noinline]] void* allocate_nowait(size_t size) noexcept {
    return make_nowait(size, 0, return_address());
  }
  [[nodiscard, gnu::noinline]] void* allocate_nowait(size_t size, size_t alignment) noexcept {
    return make_nowait(size, larger(alignment, 1), return_address());
  }

  // ---- Resizing ----

  [[nodiscard, gnu::noinline]] void* reallocate(void* block, size_t size) noexcept {
    return remake(block, size, 0, return_address());
  }
  [[nodiscard, gnu::noinline]] void* reallocate(void* block, size_t size,
                                                size_t alignment) noexcept {
    return remake(block, size, larger(alignment, 1), return_address());
  }

  // Just what was asked for.
  size_t usable_size(const void* block) noexcept {
    return block != nullptr ? live(block).size() : 0;
  }

  // The live block that the address points into, or into what guards it; null: none. Linear.
  void* block_with(const void* p) noexcept {
    const BlockPlace place = Base::place_of(p);
    if (!place.is_live) return nullptr;
    BlockRecord* const record = record_in(place.block, place.bytes);
    if (record == nullptr) return place.block;
    return record->is(State::live, secret_) ? record->block() : nullptr;
  }

  // ---- For operators new and delete that stand before those of another library ----

  // What is known of an address without a fault; not live: nothing.
  struct Making {
    bool is_live = false;
    Made made = Made::by_allocate;
    size_t size = 0;
    const void* caller = nullptr;
  };
  Making making_of(const void* block) noexcept {
    if (block == nullptr || !is_aligned(block, alignof(BlockRecord))) return {};
    if (!may_have_record(block)) return {};
    const BlockRecord& record = *BlockRecord::of(block);
    if (!record.is(State::live, secret_)) return {};
    return {true, record.made(), record.size(), record.allocated_by()};
  }

  // Of a live block, which is to be released accordingly from now on.
  void note_making(void* block, Made made, const void* caller) noexcept {
    BlockRecord::of(block)->note_making(made, caller, secret_);
  }

  // Who is asked before a release in another way than a block was made is named, by whoever made it
  // and whoever releases it: false lets it pass. None: it is named.
  using MismatchJudge = bool (*)(const void* allocated_by, const void* released_by);
  void set_mismatch_judge(MismatchJudge judge) noexcept { store_relaxed(&judge_, judge); }

  // ---- The rest ----

  // Before the first allocation; later, nothing changes for what guards blocks.
  void seed(uint32_t random) noexcept {
    if constexpr (requires(Base & base) { base.seed(random); }) Base::seed(random);
    Guard guard(Base::lock());
    if (!load_relaxed(&has_begun_)) secret_ ^= random;
  }

  // Of a configuration that KnowsRandom the secret is made here if not before: from now on handlers
  // can allocate.
  template <class... Most>
  size_t add_region(void* base, size_t bytes, Most... most) noexcept requires requires(Base& heap) {
    heap.add_region(base, bytes, most...);
  }
  {
    if constexpr (KnowsRandom<Config>) note_begin();
    return Base::add_region(base, bytes, most...);
  }

  [[gnu::cold]] size_t trim() noexcept {
    flush_queue();
    return Base::trim();
  }

  [[nodiscard, gnu::cold]] size_t remove_region(void* base, size_t bytes) noexcept {
    flush_queue();
    return Base::remove_region(base, bytes);
  }

  // Begins anew, as SmallHeap's.
  void clear() noexcept requires is_small {
    queue_ = {};
    if constexpr (is_small) Base::clear();
  }

 private:
  template <class, class>
  friend class GuardedInspector;

  using State = BlockRecord::State;
  using Queue = FreedQueue<full.queue_blocks>;

  static constexpr size_t record_bytes = sizeof(BlockRecord);

  // What the heap below aligns to by itself; and what malloc's blocks are to be aligned to.
  static constexpr size_t natural_alignment = [] {
    if constexpr (is_small) return Base::granule;
    if constexpr (!is_small) return larger(16, Config::options.least_alignment);
  }();

  // Whether slots know that they were never handed out, so that what looks freed is.
  static constexpr bool verifies_slots = !is_small && record_bytes == 32;

  // Of so many bytes to the heap below.
  static bool is_slot([[maybe_unused]] size_t bytes) noexcept {
    if constexpr (!is_small) return bytes <= Base::Classes::largest;
    return false;
  }
  static bool is_verified_slot(size_t bytes) noexcept { return verifies_slots && is_slot(bytes); }

  static constexpr bool has_guard_pages = [] {
    if constexpr (!is_small) {
      return full.guarded_blocks != 0 && ProtectingSource<typename Config::Pages>;
    }
    return false;
  }();

  // ---- Making ----

  void* make(size_t size, size_t alignment, Fill fill, Made made, const void* caller) noexcept {
    return gets_null(size) ? nullptr : make_block(size, alignment, fill, made, caller);
  }

  static bool gets_null([[maybe_unused]] size_t size) noexcept {
    if constexpr (is_small) return Config::options.null_for_zero && size == 0;
    return false;
  }

  // Before anything is made, and the only place where the secret changes if the configuration
  // KnowsRandom: who sees that it has begun sees the secret.
  void note_begin() noexcept {
    if (load_acquire(&has_begun_)) [[likely]]
      return;
    if constexpr (KnowsRandom<Config>) {
      begin_with_secret();
    } else {
      store_relaxed(&has_begun_, true);
    }
  }

  [[gnu::cold, gnu::noinline]] void begin_with_secret() noexcept {
    if constexpr (KnowsRandom<Config>) {
      uint32_t random;
      {
        Guard guard(Base::lock());
        if (load_relaxed(&has_begun_)) return;
        random = Config::random();
        secret_ ^= random;
        store_release(&has_begun_, true);
      }
      if constexpr (requires(Base & base) { base.seed(random); }) Base::seed(random * 0x9e3779b1u);
    }
  }

  // The same in a handler, which cannot wait. False: nobody has begun.
  bool may_begin_nowait() noexcept {
    if constexpr (KnowsRandom<Config>) {
      return load_acquire(&has_begun_);
    } else {
      note_begin();
      return true;
    }
  }

  // Bytes before a block that is aligned so; a power of two.
  static size_t front_for(size_t alignment) noexcept {
    return larger(alignment == 0 ? natural_alignment : alignment, record_bytes);
  }

  // What is asked of the heap below; SIZE_MAX if that is too much.
  static size_t total_for(size_t size, size_t front) noexcept {
    const size_t around = front + BlockRecord::least_tail;
    return size > max_object_bytes || around > max_object_bytes ? SIZE_MAX : size + around;
  }

  void* make_block(size_t size, size_t alignment, Fill fill, Made made,
                   const void* caller) noexcept {
    if ((alignment & (alignment - 1)) != 0) return nullptr;
    note_begin();
    const size_t front = front_for(alignment);
    const size_t total = total_for(size, front);
    if constexpr (has_guard_pages) {
      if (total > Base::Classes::largest && total != SIZE_MAX && alignment <= Base::page) {
        if (may_guard()) return make_guarded(size, larger(alignment, 16), fill, made, caller);
      }
    }
    char* const base = static_cast<char*>(by_all_means([&] {
      return alignment > natural_alignment ? Base::allocate(total, alignment)
                                           : Base::allocate(total);
    }));
    if (base == nullptr) return nullptr;
    verify_slot(base, total, front);
    return begin(base + front, size, bytes_below(base) - front, front, fill, made, caller);
  }

  void* make_nowait(size_t size, size_t alignment, const void* caller) noexcept {
    if ((alignment & (alignment - 1)) != 0 || gets_null(size)) return nullptr;
    if (!may_begin_nowait()) return nullptr;
    const size_t front = front_for(alignment);
    const size_t total = total_for(size, front);
    char* const base =
        static_cast<char*>(alignment > natural_alignment ? Base::allocate_nowait(total, alignment)
                                                         : Base::allocate_nowait(total));
    if (base == nullptr) return nullptr;
    verify_slot(base, total, front);
    return begin(base + front, size, total - front, front, Fill::none, Made::by_allocate, caller);
  }

  void* begin(char* block, size_t size, size_t its_room, size_t front, Fill fill, Made made,
              const void* caller) noexcept {
    // What began nearer to the slot's start, perhaps before clear(), would be taken for this block.
    for (size_t nearer = record_bytes; nearer < front; nearer *= 2) {
      BlockRecord::of(block - front + nearer)->forget();
    }
    BlockRecord::of(block)->begin(size, its_room, front, made, caller, secret_);
    if (fill == Fill::zero) __builtin_memset(block, 0, size);
    return block;
  }

  // What a live block has to the heap below.
  size_t bytes_below(const void* base) noexcept {
    if constexpr (is_small) return Base::usable_size(base);
    if constexpr (!is_small) return Base::bytes_of_live(base);
  }

  // Of a slot that was freed, and has been in nobody's hands since.
  void verify_slot([[maybe_unused]] char* base, [[maybe_unused]] size_t total,
                   [[maybe_unused]] size_t front) noexcept {
    if constexpr (verifies_slots) {
      if (!is_verified_slot(total)) return;
      BlockRecord& former = *BlockRecord::of(base + record_bytes);
      if (front == record_bytes && former.is(State::freed, secret_)) refuse_overwritten(former);
    }
  }

  // Null only if there is nothing even with what waits in the queue.
  template <class Take>
  void* by_all_means(Take take) noexcept {
    for (;;) {
      void* const taken = take();
      if (taken != nullptr || !flush_queue()) return taken;
    }
  }

  // ---- Judging ----

  // The record of a live block; else a fault.
  BlockRecord& live(const void* block) noexcept {
    refuse_foreign(block);
    BlockRecord* record = nullptr;
    if (is_aligned(block, alignof(BlockRecord))) [[likely]]
      record = BlockRecord::of(block);
    if (record == nullptr || !record->is(State::live, secret_)) [[unlikely]]
      raise(fault_of(block), block);
    return *record;
  }

  BlockRecord& live_made(const void* block, Made made, const void* caller) noexcept {
    BlockRecord& record = live(block);
    if (record.made() != made && may_name_mismatch(record, caller)) [[unlikely]]
      raise(Fault::mismatched_release, block);
    return record;
  }

  bool may_name_mismatch(const BlockRecord& record, const void* caller) const noexcept {
    const MismatchJudge judge = load_relaxed(&judge_);
    return judge == nullptr || judge(record.allocated_by(), caller);
  }

  BlockRecord& live_sized(const void* block, size_t size, Made made, const void* caller) noexcept {
    BlockRecord& record = live_made(block, made, caller);
    if (record.size() != size) [[unlikely]]
      raise(Fault::size_mismatch, block);
    return record;
  }

  static void refuse_other_alignment(const BlockRecord& record, size_t alignment) noexcept {
    const bool is_as_made = record.front() != 0 ? record.front() == front_for(larger(alignment, 1))
                                                : is_aligned(record.block(), larger(alignment, 1));
    if (!is_as_made) raise(Fault::size_mismatch, record.block());
  }

  // What does not lie so that there can be a record before it must not be touched there.
  void refuse_foreign(const void* block) noexcept {
    if (!may_have_record(block)) [[unlikely]]
      raise(fault_of(block), block);
  }

  bool may_have_record(const void* block) noexcept {
    if constexpr (is_small) {
      return Base::may_own(block) && Base::may_own(static_cast<const char*>(block) - record_bytes);
    } else {
      return Base::reaches_back(block, record_bytes) || lies_between_guards(block);
    }
  }

  // What the heap below calls a large block.
  bool is_guarded([[maybe_unused]] const void* base) noexcept {
    if constexpr (has_guard_pages) return Base::is_large_block(base, Base::Guarded::yes);
    return false;
  }

  bool lies_between_guards([[maybe_unused]] const void* block) noexcept {
    if constexpr (has_guard_pages) {
      const char* const record = static_cast<const char*>(block) - record_bytes;
      return is_guarded(record - bytes_into(record, Base::page) - Base::page);
    }
    return false;
  }

  void refuse_overflow(const BlockRecord& record) noexcept {
    if (record.overwritten_tail() != nullptr) [[unlikely]]
      raise(Fault::overflow, record.block());
  }

  void refuse_overwritten(const BlockRecord& freed) noexcept {
    if (freed.overwritten_fill(most_filled(freed)) != nullptr) [[unlikely]]
      raise(Fault::overwritten_link, freed.block());
  }

  // What is wrong with the address, at which there is no record of a live block.
  [[gnu::cold, gnu::noinline]] Fault fault_of(const void* p) noexcept {
    if (!is_aligned(p, 4)) return Fault::misaligned_pointer;
    const BlockPlace place = Base::place_of(p);
    if (place.block == nullptr) return Fault::foreign_pointer;
    const size_t offset = bytes_from(place.block, p);
    const bool may_begin = is_power_of_two(offset) && offset >= record_bytes;
    if (!place.is_live) {
      if (may_begin || is_small) return Fault::double_free;
      if (is_slot(place.bytes)) return Fault::interior_pointer;
      return record_at(place, p) != nullptr ? Fault::double_free : Fault::foreign_pointer;
    }
    if (const BlockRecord* const record = record_in(place.block, place.bytes)) {
      if (record->block() == p) return Fault::double_free;
      return Fault::interior_pointer;
    }
    return may_begin ? Fault::underflow : Fault::interior_pointer;
  }

  // The same, without the lock.
  [[gnu::cold, gnu::noinline]] Fault fault_in_handler(const BlockRecord& record) noexcept {
    if (record.is_any(secret_)) return Fault::double_free;
    if constexpr (!is_small) {
      if (Base::reaches_back(record.block(), record_bytes + 1)) return Fault::interior_pointer;
    }
    return Fault::foreign_pointer;
  }

  // Of what is one live block, of so many bytes, to the heap below; null: it is broken.
  [[gnu::cold]] BlockRecord* record_in(const void* below, size_t bytes) noexcept {
    const char* const base = static_cast<const char*>(below);
    BlockRecord* freed = nullptr;  // perhaps a block that began here before
    if (is_guarded(base)) return guarded_record_in(base);
    for (size_t front = record_bytes; front < bytes; front *= 2) {
      BlockRecord* const record = BlockRecord::of(base + front);
      if (!record->is_any(secret_) || record->front() != front) continue;
      if (record->is(State::live, secret_)) return record;
      freed = record;
    }
    return freed;
  }

  // In its second page: others perhaps cannot be touched.
  [[gnu::cold]] BlockRecord* guarded_record_in([[maybe_unused]] const char* base) noexcept {
    BlockRecord* freed = nullptr;
    if constexpr (has_guard_pages) {
      for (size_t at = Base::page; at + record_bytes <= 2 * Base::page; at += 16) {
        BlockRecord* const record = BlockRecord::of(base + at + record_bytes);
        if (!record->is_any(secret_) || record->front() != 0) continue;
        if (record->is(State::live, secret_)) return record;
        freed = record;
      }
    }
    return freed;
  }

  // Of a block that began at the address, which is free memory now; null: none is seen.
  [[gnu::cold]] const BlockRecord* record_at(const BlockPlace& place, const void* p) noexcept {
    if (!is_aligned(p, alignof(BlockRecord))) return nullptr;
    if constexpr (is_small) {
      if (!may_have_record(p)) return nullptr;
    } else {
      if (bytes_from(place.block, p) < record_bytes) return nullptr;
    }
    const BlockRecord* const record = BlockRecord::of(p);
    return record->is_any(secret_) ? record : nullptr;
  }

  // ---- Describing ----

  // See rsb_describe().
  [[gnu::cold]] Description describe(const void* p) noexcept {
    const BlockPlace place = Base::place_of(p);
    Description description = description_of(place, p);
    if (place.block == nullptr) return description;
    const bool has_record = place.is_live || place.slot_bytes != 0;
    const BlockRecord* const record =
        has_record ? record_in(place.block, place.bytes) : record_at(place, p);
    if (record == nullptr) {
      if (place.is_live) describe_by_broken_record(description, place, p);
      return description;
    }
    describe_block(description, record->block(), record->size(), p);
    const bool is_live = record->is(State::live, secret_);
    if (place.is_live && !is_live) description.state = RSB_BLOCK_WAITING;
    if (!is_live) description.freed_by = record->freed_by();
    // The heap below writes over the first of both when it has the block back.
    const bool knows_maker = is_live || (place.is_live && BlockRecord::keeps_both);
    if (knows_maker) description.allocated_by = record->allocated_by();
    return description;
  }

  // Of a live block before which was written, if that is what begins at the address. It is most
  // often the bytes next to the block, so that the rest is as it was.
  [[gnu::cold]] void describe_by_broken_record(Description& description, const BlockPlace& place,
                                               const void* p) noexcept {
    const size_t offset = bytes_from(place.block, p);
    bool may_begin = is_power_of_two(offset) && offset >= record_bytes;
    if constexpr (has_guard_pages) {
      // The record is in its second page: others perhaps cannot be touched.
      if (is_guarded(place.block))
        may_begin = offset >= Base::page + record_bytes && offset <= 2 * Base::page;
    }
    if (!may_begin || !is_aligned(p, alignof(BlockRecord))) return;
    const BlockRecord& record = *BlockRecord::of(p);
    if (record.size() > place.bytes - offset) return;
    describe_block(description, p, record.size(), p);
    description.allocated_by = record.allocated_by();
  }

  static char* base_of(BlockRecord& record) noexcept {
    if constexpr (has_guard_pages) {
      if (record.front() == 0) {
        char* const at = reinterpret_cast<char*>(&record);
        return at - bytes_into(at, Base::page) - Base::page;
      }
    }
    return record.block() - record.front();
  }

  // ---- Releasing ----

  void retire(BlockRecord& record, const void* caller) noexcept {
    refuse_overflow(record);
    char* const base = base_of(record);
    const size_t bytes = bytes_below(base);
    const bool waits = Queue::is_there && bytes <= full.queue_bytes / 4;
    const bool is_filled = waits || is_verified_slot(bytes);
    bool was_live;
    {
      Guard guard(Base::lock());
      was_live = record.is(State::live, secret_);
      if (was_live) record.end(State::freed_only, caller, secret_);
    }
    if (!was_live) raise(Fault::double_free, record.block());  // by another thread, just now
    if (is_filled) {
      record.fill(most_filled(record));
      record.note_filled(secret_);
    }
    if constexpr (Queue::is_there) {
      if (waits) {
        keep_out(record, base, bytes);
        return enqueue(record, bytes);
      }
    }
    give_back(record);
  }

  void enqueue(BlockRecord& record, size_t bytes) noexcept {
    void* next = nullptr;
    {
      Guard guard(Base::lock());
      if (queue_.is_full() || queue_.is_over(full.queue_bytes)) next = queue_.pop(random());
      queue_.push(record.block(), bytes);
    }
    while (next != nullptr) {
      leave_queue(next);
      Guard guard(Base::lock());
      next = queue_.is_over(full.queue_bytes) ? queue_.pop(random()) : nullptr;
    }
  }

  // False: it was empty.
  [[gnu::cold, gnu::noinline]] bool flush_queue() noexcept {
    bool any = false;
    if constexpr (Queue::is_there) {
      size_t left;
      {
        Guard guard(Base::lock());
        left = queue_.count();
      }
      for (; left != 0; left--) {
        void* block = nullptr;
        {
          Guard guard(Base::lock());
          if (queue_.count() != 0) block = queue_.pop(random());
        }
        if (block == nullptr) break;
        leave_queue(block);
        any = true;
      }
    }
    return any;
  }

  void leave_queue(void* block) noexcept {
    BlockRecord& record = *BlockRecord::of(block);
    if (!record.is(State::freed, secret_)) [[unlikely]]
      raise(Fault::underflow, block);
    refuse_overwritten(record);
    give_back(record);
  }

  void give_back(BlockRecord& record) noexcept {
    char* const base = base_of(record);
    if (record.front() == 0 && !end_guarding(base)) return;
    Base::deallocate(base);
  }

  // With the lock held.
  uint32_t random() noexcept {
    random_ = random_ * 0x2c9277b5u + (secret_ | 1);
    return random_;
  }

  // ---- Resizing ----

  void* remake(void* block, size_t size, size_t alignment, const void* caller) noexcept {
    if (block == nullptr) return make(size, alignment, Fill::none, Made::by_allocate, caller);
    if ((alignment & (alignment - 1)) != 0) return nullptr;
    BlockRecord& record = live_made(block, Made::by_allocate, caller);
    refuse_overflow(record);
    const size_t old_size = record.size();
    const size_t front = record.front();
    if (front != 0 && front == front_for(alignment) && is_aligned(block, larger(alignment, 1))) {
      const size_t bytes = bytes_below(base_of(record));
      const size_t total = total_for(size, front);
      if (total <= bytes && total >= bytes / 2) {
        record.resize(size, bytes - front, secret_);
        return block;
      }
    }
    void* const copy = make_block(size, alignment, Fill::none, Made::by_allocate, caller);
    if (copy == nullptr) {
      if (size > old_size || !is_aligned(block, larger(alignment, 1))) return nullptr;
      record.resize(size, record.guarded_size(), secret_);
      return block;
    }
    __builtin_memcpy(copy, block, smaller(old_size, size));
    retire(record, caller);
    return copy;
  }

  // ---- Large blocks between guard pages ----

  // Several threads at once may be let through for the last.
  bool may_guard() noexcept {
    if (load_relaxed(&guarded_) - load_relaxed(&unguarded_) >= full.guarded_blocks) return false;
    increment(&guarded_);
    return true;
  }

  // | page | slack of less than a page, record, block, a tail of at most the alignment | page |
  void* make_guarded([[maybe_unused]] size_t size, [[maybe_unused]] size_t alignment,
                     [[maybe_unused]] Fill fill, [[maybe_unused]] Made made,
                     [[maybe_unused]] const void* caller) noexcept {
    if constexpr (has_guard_pages) {
      constexpr size_t border = Base::page;
      size_t its_room = align_up(size, alignment);
      if (its_room % border == border - 16) its_room += 16;  // or the record would lie in two pages
      const size_t body = align_up(record_bytes + its_room, border);
      char* const base = static_cast<char*>(by_all_means([&] {
        return Base::allocate(body + 2 * border, border, fill);  // zeroes perhaps unwritten
      }));
      if (base == nullptr) {
        increment(&unguarded_);
        return nullptr;
      }
      char* const end = base + border + body;
      Base::set_guarded(base, Base::Guarded::yes);
      this->pages().source().protect(base, border);
      this->pages().source().protect(end, bytes_below(base) - border - body);
      char* const block = end - its_room;
      return begin(block, size, its_room, 0, Fill::none, made, caller);
    }
    return nullptr;
  }

  // Nobody can touch it while it waits in the queue, but for the page that its record is in.
  void keep_out([[maybe_unused]] BlockRecord& record, [[maybe_unused]] char* base,
                [[maybe_unused]] size_t bytes) noexcept {
    if constexpr (has_guard_pages) {
      constexpr size_t open = 2 * Base::page;
      if (record.front() == 0) this->pages().source().protect(base + open, bytes - open);
    }
  }

  static size_t most_filled(const BlockRecord& freed) noexcept {
    if constexpr (has_guard_pages) {
      if (freed.front() == 0) {
        const size_t open = Base::page - bytes_into(&freed, Base::page) - record_bytes;
        return smaller(full.fill_bytes, open);
      }
    }
    return full.fill_bytes;
  }

  // False: some of it cannot be touched, for good: the heap below must not have it back.
  [[nodiscard]] bool end_guarding([[maybe_unused]] char* base) noexcept {
    if constexpr (has_guard_pages) {
      if (!this->pages().source().unprotect(base, bytes_below(base))) return false;
      Base::set_guarded(base, Base::Guarded::no);
      increment(&unguarded_);
    }
    return true;
  }

  [[no_unique_address]] Queue queue_;
  uint32_t secret_ = 0;
  uint32_t random_ = 0;
  uint32_t guarded_ = 0;    // large blocks that were between guard pages; handlers count, too
  uint32_t unguarded_ = 0;  // those that are no more
  bool has_begun_ = false;  // to allocate
  MismatchJudge judge_ = nullptr;
};

}  // namespace rsb
