// SPDX-License-Identifier: MIT OR Apache-2.0
// What is looked at with Checks::full when a block is given to a call, which fault that is, and
// what is known of an address.
//
// Room full: for Checks::full of all heaps, and for the room guard_pages.
#pragma once

#include "rsb/internal/full/annotating.hpp"

namespace rsb {

template <class Below, class Config>
class GuardedJudging : public Annotating<Below, Config> {
 protected:
  using Base = Annotating<Below, Config>;
  using Base::freed_byte, Base::front_for, Base::guarded_record_in, Base::has_guard_pages,
      Base::is_guarded, Base::is_slot, Base::is_small, Base::is_verified_slot, Base::judge_,
      Base::lies_between_guards, Base::most_filled, Base::record_bytes, Base::secret_,
      Base::verifies_slots;
  using typename Base::MismatchJudge, typename Base::State;

  // A live block, which its record and seal say, and of how many bytes of the heap below.
  struct Live {
    BlockRecord& record;
    uint32_t seal;
    size_t slot_bytes;  // 0: perhaps it is no slot

    BlockRecord* operator->() const noexcept { return &record; }
  };

  // Else a fault.
  [[gnu::always_inline]] Live live(const void* block) noexcept {
    BlockRecord* const record = BlockRecord::of(block);  // perhaps misaligned
    if constexpr (!is_small) {
      const size_t slot_bytes = Below::bytes_of_slot_at(record);
      if (slot_bytes != 0) [[likely]] {
        const uint32_t seal = record->seal(State::live, secret_);
        if (record->bears(seal)) [[likely]]
          return {*record, seal, slot_bytes};
      }
    }
    const uint32_t seal = live_seal(block);
    return {*record, seal, 0};
  }

  // The seal of a live block; else a fault.
  [[gnu::noinline]] uint32_t live_seal(const void* block) noexcept {
    refuse_foreign(block);
    if (!is_aligned(block, alignof(BlockRecord))) [[unlikely]]
      raise(fault_of(block), block);
    const BlockRecord& record = *BlockRecord::of(block);
    const uint32_t seal = record.seal(State::live, secret_);
    if (!record.bears(seal)) [[unlikely]]
      raise(fault_of(block), block);
    return seal;
  }

  [[gnu::always_inline]] Live live_made(const void* block, Made made, const void* caller) noexcept {
    const Live found = live(block);
    if (found->made() != made && may_name_mismatch(found.record, caller)) [[unlikely]]
      raise(Fault::mismatched_release, block);
    return found;
  }

  bool may_name_mismatch(const BlockRecord& record, const void* caller) const noexcept {
    const MismatchJudge judge = load_relaxed(&judge_);
    return judge == nullptr || judge(record.allocated_by(), caller);
  }

  [[gnu::always_inline]] Live live_sized(const void* block, size_t size, Made made,
                                         const void* caller) noexcept {
    const Live found = live_made(block, made, caller);
    if (found->size() != size) [[unlikely]]
      raise(Fault::size_mismatch, block);
    return found;
  }

  static void refuse_other_alignment(const BlockRecord& record, size_t alignment) noexcept {
    const bool is_as_made = record.has_front() ? record.front() == front_for(larger(alignment, 1))
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
      return Below::may_own(block) &&
             Below::may_own(static_cast<const char*>(block) - record_bytes);
    } else {
      return Below::reaches_back(block, record_bytes) || lies_between_guards(block);
    }
  }

  void refuse_overflow(const BlockRecord& record) noexcept {
    if (record.overwritten_tail() != nullptr) [[unlikely]]
      raise(Fault::overflow, record.block());
  }

  void refuse_overwritten(const BlockRecord& freed) noexcept {
    if (freed.overwritten_fill(freed_byte, most_filled(freed)) != nullptr) [[unlikely]]
      raise(Fault::overwritten_link, freed.block());
  }

  // What is wrong with the address, at which there is no record of a live block.
  [[gnu::cold, gnu::noinline]] Fault fault_of(const void* p) noexcept {
    if (!is_aligned(p, 4)) return Fault::misaligned_pointer;
    const BlockPlace place = Below::place_of(p);
    if (place.block == nullptr) {
      // A large block begins in the first two pages of what is acquired for it.
      if constexpr (!is_small) {
        if (place.run == nullptr) return Below::fault_without_run(p, 2 * Below::page);
      }
      return Fault::foreign_pointer;
    }
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
    return may_begin_at(place, p) ? Fault::underflow : Fault::interior_pointer;
  }

  // Whether a block may begin at the address, in what is a live one to the heap below.
  bool may_begin_at(const BlockPlace& place, const void* p) noexcept {
    const size_t offset = bytes_from(place.block, p);
    if (!is_aligned(p, alignof(BlockRecord))) return false;
    if constexpr (has_guard_pages) {
      // The record is in its second page: others perhaps cannot be touched.
      if (is_guarded(place.block))
        return offset >= Base::page + record_bytes && offset <= 2 * Base::page;
    }
    return is_power_of_two(offset) && offset >= record_bytes;
  }

  // The same, without the lock.
  [[gnu::cold, gnu::noinline]] Fault fault_in_handler(const BlockRecord& record) noexcept {
    if (record.is_any(secret_)) return Fault::double_free;
    if constexpr (!is_small) {
      if (Below::reaches_back(record.block(), record_bytes + 1)) return Fault::interior_pointer;
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

  // Whether what is one live block to the heap below has lost its record, for certain: as a slot
  // does only if somebody has written there.
  [[gnu::cold]] bool has_lost_record(const void* below, size_t bytes) noexcept {
    if (!is_verified_slot(bytes)) return false;
    for (size_t front = record_bytes; front < bytes; front *= 2) {
      if (BlockRecord::of(static_cast<const char*>(below) + front)->is_or_is_made(secret_))
        return false;
    }
    return true;
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
    const BlockPlace place = Below::place_of(p);
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
    if (is_live) {
      description.written_to = record->overwritten_tail();
    } else if (record->is_filled(secret_) && (place.is_live || is_verified_slot(place.bytes))) {
      description.written_to = record->overwritten_fill(freed_byte, most_filled(*record));
    }
    // The heap below writes over the first of both when it has the block back.
    const bool knows_maker = is_live || (place.is_live && BlockRecord::keeps_both);
    if (knows_maker) description.allocated_by = record->allocated_by();
    return description;
  }

  // Of a live block before which was written, if that is what begins at the address. It is most
  // often the bytes next to the block, so that the rest is as it was.
  [[gnu::cold]] void describe_by_broken_record(Description& description, const BlockPlace& place,
                                               const void* p) noexcept {
    if (!may_begin_at(place, p)) return;
    const BlockRecord& record = *BlockRecord::of(p);
    if (record.size() > place.bytes - bytes_from(place.block, p)) return;
    describe_block(description, p, record.size(), p);
    description.allocated_by = record.allocated_by();
  }

  // Before a block begins in what the heap below has handed out, `bytes` of it: of a slot that was
  // freed, whether anybody has written to it since.
  void verify_handed_out(char* base, size_t bytes, size_t front) noexcept {
    if constexpr (verifies_slots) {
      if (is_verified_slot(bytes) && front == record_bytes) {
        BlockRecord& former = *BlockRecord::of(base + record_bytes);
        if (former.is(State::freed, secret_)) [[likely]] {
          refuse_overwritten(former);
          return;  // when that one began, all others were forgotten
        }
      }
    }
    Base::forget_former(base, bytes, front);
  }
};

}  // namespace rsb
