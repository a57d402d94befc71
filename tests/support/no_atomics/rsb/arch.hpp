// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/arch.hpp as it is for several cores without atomic instructions, for a program that has this
// folder before that of the headers: exchanges are loads and stores, and other cores come in
// between.
#pragma once

#define exchange atomic_exchange
#define compare_exchange atomic_compare_exchange
#define increment atomic_increment
#include_next "rsb/arch.hpp"
#undef exchange
#undef compare_exchange
#undef increment

namespace support {

// The program's: what happens in between.
void others_come() noexcept;

}  // namespace support

namespace rsb {

template <class Word>
Word compare_exchange(Word* word, Word expected, Word desired) noexcept {
  const Word found = load_acquire(word);
  support::others_come();
  if (found == expected) store_release(word, desired);
  return found;
}
template <class Word>
Word exchange(Word* word, Word desired) noexcept {
  const Word found = load_acquire(word);
  support::others_come();
  store_release(word, desired);
  return found;
}
template <class Word>
void increment(Word* word) noexcept {
  const Word found = load_acquire(word);
  support::others_come();
  store_release(word, static_cast<Word>(found + 1));
}

}  // namespace rsb
