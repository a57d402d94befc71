// SPDX-License-Identifier: MIT OR Apache-2.0
// What lies around a block with Checks::full: a record before it, which nobody but the heap writes
// to, and bytes of a known value behind what was asked for.
//
//   | slack, if the alignment is large | BlockRecord | what was asked for | tail |
//
// The record's seal is made from all that it says and where it lies: it tells a live block from one
// that was released, and both from anything else, but for one in four billion; and it is broken by
// whatever is written to it. The heap below uses the first eight bytes of free slots, so they say
// nothing that is needed then.
//
// Room full: for Checks::full of all heaps, and for the room guard_pages.
#pragma once

#include "rsb/internal/machine/bits.hpp"
#include "rsb/options.hpp"

namespace rsb {

// How a block was made, which tells how it is to be released.
enum class Made : uint8_t {
  by_allocate,  // and malloc, calloc, realloc, aligned_alloc and their like
  by_new,
  by_new_array,
};

// An address, or the use of another one's place.
template <bool has_place>
class AddressIf {
 public:
  [[gnu::no_sanitize_address]] void set(const void* address, const void*&) noexcept {
    address_ = address;
  }
  [[gnu::no_sanitize_address]] const void* get(const void*) const noexcept { return address_; }

 private:
  const void* address_;
};
template <>
class AddressIf<false> {
 public:
  void set(const void* address, const void*& place) noexcept { place = address; }
  const void* get(const void* place) const noexcept { return place; }
};

// To tools that look on, records, tails and freed blocks are nobody's memory (annotating.hpp): so
// what reads them, or writes to a record, is not instrumented.
class alignas(8) BlockRecord {
 public:
  static constexpr unsigned char tail_byte = 0xfb;
  static constexpr size_t least_tail = 8;
  static constexpr size_t most_tail = 64;
  static constexpr size_t most_guarded_tail = 65'528;     // up to a page that nobody can touch
  static constexpr bool keeps_both = sizeof(void*) == 8;  // who allocated it, and who freed it

  enum class State : uint32_t {
    live = 0x6c697665,
    freed = 0x66726565,          // and filled
    freed_in_part = 0x70617274,  // and its first bytes are filled: see GuardPages
    freed_only = 0x6f6e6c79,     // not filled, or only in part
  };

  static BlockRecord* of(const void* block) noexcept {
    return reinterpret_cast<BlockRecord*>(
        const_cast<char*>(static_cast<const char*>(block) - sizeof(BlockRecord)));
  }

  // ---- The block ----

  char* block() noexcept { return reinterpret_cast<char*>(this + 1); }
  const char* block() const noexcept { return reinterpret_cast<const char*>(this + 1); }

  // What the heap below calls the block: it begins `front` bytes before, a power of two; 0: it has
  // guard pages, and begins elsewhere.
  [[gnu::no_sanitize_address]] size_t front() const noexcept {
    return has_front() ? size_t{1} << front_log2_ : 0;
  }
  [[gnu::no_sanitize_address]] bool has_front() const noexcept { return front_log2_ != 0; }
  // Also where there may be no record.
  [[gnu::no_sanitize_address]] bool has_front_of(size_t bytes) const noexcept {
    return front_log2_ == floor_log2(bytes);
  }

  [[gnu::no_sanitize_address]] size_t size() const noexcept { return size_; }
  // From the block's start, with what is known of the bytes behind.
  [[gnu::no_sanitize_address]] size_t guarded_size() const noexcept { return size_ + tail_; }
  [[gnu::no_sanitize_address]] Made made() const noexcept { return made_; }
  // Return addresses; where pointers have four bytes, only that of the last call.
  [[gnu::no_sanitize_address]] const void* allocated_by() const noexcept { return allocated_by_; }
  [[gnu::no_sanitize_address]] const void* freed_by() const noexcept {
    return freed_by_.get(allocated_by_);
  }

  // ---- Its states ----

  // After note_change(). `its_room`: bytes from the block's start that are its own.
  void begin(size_t size, size_t its_room, size_t its_front, Made made, const void* caller,
             uint32_t secret) noexcept {
    allocated_by_ = caller;
    freed_by_.set(nobody(), caller);
    made_ = made;
    front_log2_ = static_cast<uint8_t>(its_front != 0 ? floor_log2(its_front) : 0);
    resize(size, its_room, secret);
  }
  [[gnu::no_sanitize_address]] void resize(size_t size, size_t room, uint32_t secret) noexcept {
    note_change();
    size_ = size;
    // To where a word ends.
    tail_ = static_cast<uint16_t>(
        smaller(align_down(room, word),
                align_up(size, word) + (has_front() ? most_tail : most_guarded_tail)) -
        size);
    write_tail();
    store_release(&seal_, seal(State::live, secret));
  }
  // Of a live block.
  [[gnu::no_sanitize_address]] void note_making(Made made, const void* caller,
                                                uint32_t secret) noexcept {
    note_change();
    made_ = made;
    allocated_by_ = caller;
    store_release(&seal_, seal(State::live, secret));
  }
  [[gnu::no_sanitize_address]] void end(State state, const void* caller, uint32_t secret) noexcept {
    note_change();
    freed_by_.set(caller, allocated_by_);
    store_relaxed(&seal_, seal(state, secret));
  }

  // All at once, for who looks at it meanwhile. Of a block that is freed_only.
  [[gnu::no_sanitize_address]] void note_filled(State state, uint32_t secret) noexcept {
    if constexpr (keeps_both) {  // the seals of freed blocks differ by the state alone
      const uint32_t change =
          static_cast<uint32_t>(State::freed_only) ^ static_cast<uint32_t>(state);
      store_relaxed(&seal_, load_relaxed(&seal_) ^ change);
    } else {
      store_relaxed(&seal_, seal(state, secret));
    }
  }
  // Of a freed block, of whose filling not all can be looked at any more.
  void note_unfilled(uint32_t secret) noexcept {
    store_relaxed(&seal_, seal(State::freed_only, secret));
  }
  [[gnu::no_sanitize_address]] void forget() noexcept { store_relaxed(&seal_, uint32_t{0}); }
  // For who looks at it until it has its next seal.
  [[gnu::no_sanitize_address]] void note_change() noexcept {
    store_relaxed(&seal_, seal_in_the_making);
    fence<__ATOMIC_RELEASE>();
  }

  // Also where there may be no record.
  bool is(State state, uint32_t secret) const noexcept { return bears(seal(state, secret)); }
  // The same, of who has asked before and knows the seal.
  [[gnu::no_sanitize_address]] bool bears(uint32_t its_seal) const noexcept {
    return load_relaxed(&seal_) == its_seal;
  }
  bool is_any(uint32_t secret) const noexcept {
    // In this order they follow each other, if another thread releases the block meanwhile.
    return is(State::live, secret) || is(State::freed_only, secret) || is_filled(secret);
  }
  bool is_filled(uint32_t secret) const noexcept {
    return is(State::freed, secret) || is(State::freed_in_part, secret);
  }

  // ---- The seal ----

  // Whatever one of the fields is changed to changes the seal, where words have four bytes for
  // certain: each step is a bijection of the sum, and of the field that goes in.
  [[gnu::no_sanitize_address]] uint32_t seal(State state, uint32_t secret) const noexcept {
    using Sum = decltype(size_t{} + uint32_t{});
    constexpr unsigned half = sizeof(Sum) * 4;
    Sum sum = address_of(this) + secret + address_of(freed_by_.get(nullptr));
    if (state == State::live) sum += address_of(allocated_by_);
    if (state != State::freed_only || keeps_both) sum += size_;
    sum *= integer_cast<Sum>(0x9fb21c651e98df25);
    uint32_t rest;  // tail_, front_log2_, made_
    __builtin_memcpy(&rest, __builtin_assume_aligned(&tail_, 4), sizeof rest);
    return integer_cast<uint32_t>(sum ^ sum >> half) ^ rest ^ static_cast<uint32_t>(state);
  }

  // Whether there is a record, or is about to be, though another thread changes it meanwhile.
  [[gnu::no_sanitize_address]] bool is_or_is_made(uint32_t secret) const noexcept {
    const uint32_t before = load_acquire(&seal_);
    if (before == seal_in_the_making || is_any(secret)) return true;
    fence<__ATOMIC_ACQUIRE>();
    return load_relaxed(&seal_) != before;
  }

  // ---- What must not be written to ----

  // Of a block that another thread may release or resize meanwhile: whether it was live all the
  // while, and its tail was written to.
  [[gnu::no_sanitize_address]] bool has_overwritten_tail(uint32_t secret) const noexcept {
    const uint32_t before = load_acquire(&seal_);
    if (before != seal(State::live, secret) || overwritten_tail() == nullptr) return false;
    fence<__ATOMIC_ACQUIRE>();
    return load_relaxed(&seal_) == before;
  }

  // The first byte of the tail that was written to; null: none was.
  [[gnu::no_sanitize_address]] const void* overwritten_tail() const noexcept {
    const char* p = block() + align_down(size_, word);
    const char* const end = block() + guarded_size();
    if (p == end) return nullptr;
    Word others = (load(p) ^ word_of(tail_byte)) & of_tail();
    for (p += word; p != end; p += word) others |= load(p) ^ word_of(tail_byte);
    return others != 0 ? first_other(block() + size_, tail_, tail_byte) : nullptr;
  }

  // Of a freed block, its tail with it: whole words, `most` bytes or a little more.
  void fill(unsigned char byte, size_t most) noexcept {
    __builtin_memset(block(), byte, filled(most));
  }
  const void* overwritten_fill(unsigned char byte, size_t most) const noexcept {
    const size_t bytes = filled(most);
    return is_all(block(), bytes, byte) ? nullptr : first_other(block(), bytes, byte);
  }

 private:
  using Word = size_t;
  static constexpr size_t word = sizeof(Word);

  static constexpr Word word_of(unsigned char byte) noexcept { return ~Word{0} / 0xff * byte; }

  [[gnu::no_sanitize_address]] static Word load(const char* p) noexcept {
    Word value;
    __builtin_memcpy(&value, __builtin_assume_aligned(p, word), word);
    return value;
  }
  [[gnu::no_sanitize_address]] static void store(char* p, Word value) noexcept {
    __builtin_memcpy(__builtin_assume_aligned(p, word), &value, word);
  }

  // Not null: next to the block are most often zeroes written.
  static const void* nobody() noexcept { return address_behind(nullptr, word_of(tail_byte)); }

  // ---- The bytes behind ----

  // Of the word in which the tail begins, what is the tail's.
  [[gnu::no_sanitize_address]] Word of_tail() const noexcept {
    const unsigned bits = integer_cast<unsigned>(size_ % word * __CHAR_BIT__);
    if constexpr (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__) return ~Word{0} >> bits;
    return ~Word{0} << bits;
  }

  // By words, of which the first may in part be the program's.
  [[gnu::no_sanitize_address]] void write_tail() noexcept {
    char* p = block() + align_down(size_, word);
    char* const end = block() + guarded_size();
    if (p == end) return;
    store(p, (load(p) & ~of_tail()) | (word_of(tail_byte) & of_tail()));
    for (p += word; p != end; p += word) store(p, word_of(tail_byte));
  }

  // ---- The filling ----

  size_t filled(size_t most) const noexcept {
    return most > max_object_bytes ? guarded_size() : smaller(align_up(most, word), guarded_size());
  }

  // Lowered to what there is, where the processor has nothing as wide.
  using Words [[gnu::vector_size(16), gnu::aligned(word), gnu::may_alias]] = Word;
  // Not auto, by which g++ forgets how little that is aligned.
  static const Words& words_at(const char* p) noexcept {
    return *reinterpret_cast<const Words*>(p);
  }

  // Of whole words.
  [[gnu::no_sanitize_address]] static bool is_all(const char* p, size_t bytes,
                                                  unsigned char byte) noexcept {
    const char* const end = p + bytes;
    const Word expected = word_of(byte);
    if (bytes > 256 && !are_all(p, end, expected)) return false;
    Words others{};
    for (; bytes_from(p, end) >= sizeof(Words); p += sizeof(Words))
      others |= words_at(p) ^ expected;
    Word any = 0;
    for (; p != end; p += word) any |= load(p) ^ expected;
    for (size_t i = 0; i < sizeof(Words) / word; i++) any |= others[i];
    return any == 0;
  }

  // The greater part of what lies before `end`; `p` is where the rest begins.
  [[gnu::noinline, gnu::no_sanitize_address]] static bool are_all(const char*& p, const char* end,
                                                                  Word expected) noexcept {
    constexpr size_t step = 8 * sizeof(Words);
    Words others{};
    for (; bytes_from(p, end) >= step; p += step) {
      Words some = words_at(p) ^ expected;
      for (size_t i = 1; i < 8; i++) some |= words_at(p + i * sizeof(Words)) ^ expected;
      others |= some;
    }
    Word any = 0;
    for (size_t i = 0; i < sizeof(Words) / word; i++) any |= others[i];
    return any == 0;
  }

  [[gnu::cold, gnu::noinline, gnu::no_sanitize_address]] static const void* first_other(
      const char* p, size_t bytes, unsigned char byte) noexcept {
    const char* const end = p + bytes;
    while (p != end && static_cast<unsigned char>(*p) == byte) p++;
    return p != end ? p : nullptr;
  }

  // The first eight bytes are the heap's when the block is free; of the third eight it sets the
  // seal where a slot never was handed out, see Checks::under_guards.
  const void* allocated_by_;
  size_t size_;
  uint16_t tail_;
  uint8_t front_log2_;
  Made made_;
  uint32_t seal_;
  [[no_unique_address]] AddressIf<keeps_both> freed_by_;
};

}  // namespace rsb
