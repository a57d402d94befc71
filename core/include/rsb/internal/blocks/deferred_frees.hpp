// SPDX-License-Identifier: MIT OR Apache-2.0
// Blocks that were freed where nobody may wait for the heap's lock: in interrupt and signal
// handlers, also while the interrupted code holds that lock. They are pushed without it, and
// whoever holds the lock next takes them over, some at a time.
//
// Theory of operation. A pushed block becomes an element of a linked list, and the link is in the
// block. A block may have no more than 4 bytes, so a link is 31 bits: where in its *region* the
// next block is, in units of 4 bytes. A region is memory of less than 8 GiB, and has a list of its
// own. Pushing is a compare-exchange of the head; taking over takes a whole list at once, by an
// exchange. Nothing else ever changes a list, so it does not matter if a head comes to be what it
// was before. (Treiber, "Systems programming: coping with parallelism", 1986, without its pop.) A
// flag says that there may be something in some region, and is cleared before all regions are
// looked at.
//
// Cost. A push takes a few dozen instructions; again the few of its loop for each other push to the
// same region that comes in between: on one core that is one for each handler that interrupts this
// one just there, on several also those of the other cores. It never waits: a push that was
// interrupted holds up nobody. (Several cores without atomic instructions have a lock for pushing
// and popping: HasPushLock in lock.hpp.)
//
// Checks. A block of 8 bytes or more holds a mark behind its link, a hash of it: a second push of
// the same block, and one that was written to since, are recognised by it. A link is never what the
// caller calls the look of a free block, so that a block that was released twice, once this way, is
// recognised when it is taken over. Links are disguised by a key that depends on where the heap
// lies.
//
// Knows neither heap nor lock: any kind of heap can use it.
//
// Room blocks: for the rooms pages, bins, caches and small, and for the heaps above them.
#pragma once

#include "rsb/internal/machine/bits.hpp"

namespace rsb {

class DeferredFrees {
  static constexpr uint32_t none = 0;

 public:
  // Once added, it stays where it is for good.
  class Region {
   public:
    // How far a block may lie behind the region's base, at most; SIZE_MAX: anywhere.
    static constexpr size_t reach = sizeof(size_t) > 4
                                        ? integer_cast<size_t>((uint64_t{1} << 33) - 8)
                                        : SIZE_MAX;

    constexpr Region() noexcept = default;

   private:
    friend class DeferredFrees;
    char* base_ = nullptr;
    Region* next_ = nullptr;
    uint32_t first_ = none;  // the block pushed last
  };

  // Whether a block has room for a mark: 8 bytes, not 4.
  enum class Room : uint8_t { link, link_and_mark };

  constexpr DeferredFrees() noexcept = default;

  // `base` is a multiple of 4. Under the heap's lock, before there are blocks.
  void add(Region& region, char* base) noexcept {
    region.base_ = base;
    region.next_ = regions_;
    regions_ = &region;
  }

  // From anywhere: see above. looks_free() says of the block's first four bytes, which are the link
  // by then, whether the heap would take them for a free block's; at most one of two that differ in
  // a bit may.
  template <class LooksFree>
  void push(Region& region, void* block, Room room, LooksFree looks_free) noexcept {
    const uint32_t at = index(region, block);
    increment(&pushed_);
    uint32_t first = load_relaxed(&region.first_);
    for (;;) {
      uint32_t link = disguised(first << 1);
      store(block, link);
      if (looks_free()) store(block, link ^= 1);
      if (room == Room::link_and_mark) store(mark_of(block), mark(link, at));
      const uint32_t seen = compare_exchange(&region.first_, first, at);
      if (seen == first) break;
      first = seen;
    }
    set_any();
  }

  // Whether the block is one that was pushed and not taken over: only for blocks with a mark.
  bool is_pushed(const Region& region, const void* block) const noexcept {
    return has_mark(block, index(region, block));
  }

  // Whether the region is not too large for the block.
  static bool reaches(const Region& region, const void* block) noexcept {
    return Region::reach == SIZE_MAX || bytes_from(region.base_, block) < Region::reach;
  }

  // Whether there may be something to take over.
  bool any() const noexcept { return load_relaxed(&any_) != nothing; }

  // How many blocks were pushed and not taken over; those are counted that are just being pushed.
  size_t count() const noexcept { return load_relaxed(&pushed_) - taken_; }

  // The following are for the holder of the heap's lock.

  // Makes any() true: for those who have to be certain. A push sets the flag as its last step, and
  // may have been interrupted just before.
  void look_again() noexcept { set_any(); }

  // A block that was pushed: to be checked, and then given to follow(), before anything else
  // happens to it. Null: none was found in the regions that one call looks at. There is nothing
  // left if !any().
  void* pop() noexcept {
    if (rest_ == none && !find_list()) return nullptr;
    char* const block = address_behind(region_->base_, integer_cast<size_t>(rest_ - 1) * 4);
    rest_ = none;  // unless the link in the block is as it should be
    taken_++;
    return block;
  }

  // Goes on behind the block that pop() returned. False: it was written to after it was freed; what
  // was pushed before it to the same region is lost.
  bool follow(const void* block, Room room) noexcept {
    if (room == Room::link_and_mark && !has_mark(block, index(*region_, block))) return false;
    rest_ = disguised(load(block)) >> 1;
    return true;
  }

 private:
  // How many regions one call looks at: where there are more, other calls go on.
  static constexpr unsigned regions_at_once = 8;

  bool find_list() noexcept {
    if (cursor_ == nullptr) {
      exchange(&any_, nothing);  // what is pushed from here on sets it anew
      cursor_ = regions_;
    }
    for (unsigned i = 0; i < regions_at_once && cursor_ != nullptr; i++) {
      region_ = cursor_;
      cursor_ = region_->next_;
      if (load_relaxed(&region_->first_) == none) continue;
      rest_ = exchange(&region_->first_, none);
      break;
    }
    const bool goes_on = rest_ != none || cursor_ != nullptr;
    compare_exchange(&any_, goes_on ? nothing : going_on, goes_on ? going_on : nothing);
    return rest_ != none;
  }

  // The flag. What a push sets only the beginning of another look at all regions clears.
  static constexpr uint32_t nothing = 0;
  static constexpr uint32_t going_on = 1;
  static constexpr uint32_t pushed = 2;

  void set_any() noexcept { store_release(&any_, pushed); }

  static uint32_t index(const Region& region, const void* block) noexcept {
    return integer_cast<uint32_t>(bytes_from(region.base_, block) / 4) + 1;
  }

  uint32_t disguised(uint32_t link) const noexcept {
    return link ^
           integer_cast<uint32_t>(address_of(this) >> 4) * 0x9e3779b1u;  // 2^32 / golden ratio
  }

  static uint32_t mark(uint32_t link, uint32_t at) noexcept { return (link ^ ~at) * 0x9e3779b1u; }

  static bool has_mark(const void* block, uint32_t at) noexcept {
    return load(mark_of(block)) == mark(load(block), at);
  }

  static void* mark_of(void* block) noexcept { return static_cast<char*>(block) + 4; }
  static const void* mark_of(const void* block) noexcept {
    return static_cast<const char*>(block) + 4;
  }

  static uint32_t load(const void* p) noexcept {
    uint32_t value;
    __builtin_memcpy(&value, __builtin_assume_aligned(p, 4), sizeof value);
    return value;
  }
  static void store(void* p, uint32_t value) noexcept {
    __builtin_memcpy(__builtin_assume_aligned(p, 4), &value, sizeof value);
  }

  uint32_t any_ = nothing;
  uint32_t rest_ = none;  // what is left of a list that was taken over
  size_t pushed_ = 0;
  size_t taken_ = 0;
  Region* region_ = nullptr;  // that list's
  Region* regions_ = nullptr;
  Region* cursor_ = nullptr;  // the next region to look at; null: from the first one on
};

}  // namespace rsb
