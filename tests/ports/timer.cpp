// SPDX-License-Identifier: MIT OR Apache-2.0
// rsb/port/interrupts.hpp: a timer that interrupts each core.
#include "rsb/port/interrupts.hpp"

#include <string.h>

#include <atomic>

#include "support/parallel.hpp"
#include "support/test.hpp"

using namespace rsb::port;

namespace {

constexpr unsigned most = 4;
uint32_t period() {
  return static_cast<uint32_t>(ticks_per_second() / 20'000);
}

// Changes all that the interrupted code may have in use.
void disturb(void* interrupts) {
  asm volatile(
      "mov x0, #-1\n mov x1, x0\n mov x2, x0\n mov x3, x0\n mov x4, x0\n mov x5, x0\n mov x6, x0\n"
      "mov x7, x0\n mov x8, x0\n mov x9, x0\n mov x10, x0\n mov x11, x0\n mov x12, x0\n"
      "mov x13, x0\n mov x14, x0\n mov x15, x0\n mov x16, x0\n mov x17, x0\n mov x18, x0\n"
      "cmp x0, x0\n"
      "dup v0.2d, x0\n mov v1.16b, v0.16b\n mov v2.16b, v0.16b\n mov v3.16b, v0.16b\n"
      "mov v4.16b, v0.16b\n mov v5.16b, v0.16b\n mov v6.16b, v0.16b\n mov v7.16b, v0.16b\n"
      "mov v8.16b, v0.16b\n mov v9.16b, v0.16b\n mov v10.16b, v0.16b\n mov v11.16b, v0.16b\n"
      "mov v12.16b, v0.16b\n mov v13.16b, v0.16b\n mov v14.16b, v0.16b\n mov v15.16b, v0.16b\n"
      "mov v16.16b, v0.16b\n mov v17.16b, v0.16b\n mov v18.16b, v0.16b\n mov v19.16b, v0.16b\n"
      "mov v20.16b, v0.16b\n mov v21.16b, v0.16b\n mov v22.16b, v0.16b\n mov v23.16b, v0.16b\n"
      "mov v24.16b, v0.16b\n mov v25.16b, v0.16b\n mov v26.16b, v0.16b\n mov v27.16b, v0.16b\n"
      "mov v28.16b, v0.16b\n mov v29.16b, v0.16b\n mov v30.16b, v0.16b\n mov v31.16b, v0.16b\n"
      "msr fpsr, xzr\n" ::
          : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
            "x14", "x15", "x16", "x17", "x18", "v0", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8",
            "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18", "v19", "v20",
            "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31", "cc",
            "memory");
  static_cast<std::atomic<unsigned>*>(interrupts)->fetch_add(1);
}

struct Registers {
  unsigned char vector[32][16];
  uint64_t general[19];
  uint64_t flags;
  uint64_t fpsr;
};

// What remains of registers that are loaded, and stored once `*interrupts` has changed.
Registers after_an_interrupt(const Registers& loaded, const std::atomic<unsigned>& interrupts) {
  Registers stored = {};
  register const void* from asm("x19") = &loaded;
  register void* to asm("x20") = &stored;
  register const void* count asm("x21") = &interrupts;
  asm volatile(
      "mov x22, x19\n"
      "ld1 {v0.16b-v3.16b}, [x22], #64\n ld1 {v4.16b-v7.16b}, [x22], #64\n"
      "ld1 {v8.16b-v11.16b}, [x22], #64\n ld1 {v12.16b-v15.16b}, [x22], #64\n"
      "ld1 {v16.16b-v19.16b}, [x22], #64\n ld1 {v20.16b-v23.16b}, [x22], #64\n"
      "ld1 {v24.16b-v27.16b}, [x22], #64\n ld1 {v28.16b-v31.16b}, [x22], #64\n"
      "ldp x23, x24, [x22, #152]\n msr nzcv, x23\n msr fpsr, x24\n"
      "ldp x0, x1, [x22]\n ldp x2, x3, [x22, #16]\n ldp x4, x5, [x22, #32]\n"
      "ldp x6, x7, [x22, #48]\n ldp x8, x9, [x22, #64]\n ldp x10, x11, [x22, #80]\n"
      "ldp x12, x13, [x22, #96]\n ldp x14, x15, [x22, #112]\n ldp x16, x17, [x22, #128]\n"
      "ldr x18, [x22, #144]\n"
      "ldr w23, [x21]\n"
      "1: ldr w24, [x21]\n sub w24, w24, w23\n cbz w24, 1b\n"  // leaves the flags alone
      "mov x22, x20\n"
      "st1 {v0.16b-v3.16b}, [x22], #64\n st1 {v4.16b-v7.16b}, [x22], #64\n"
      "st1 {v8.16b-v11.16b}, [x22], #64\n st1 {v12.16b-v15.16b}, [x22], #64\n"
      "st1 {v16.16b-v19.16b}, [x22], #64\n st1 {v20.16b-v23.16b}, [x22], #64\n"
      "st1 {v24.16b-v27.16b}, [x22], #64\n st1 {v28.16b-v31.16b}, [x22], #64\n"
      "mrs x23, nzcv\n mrs x24, fpsr\n stp x23, x24, [x22, #152]\n"
      "stp x0, x1, [x22]\n stp x2, x3, [x22, #16]\n stp x4, x5, [x22, #32]\n"
      "stp x6, x7, [x22, #48]\n stp x8, x9, [x22, #64]\n stp x10, x11, [x22, #80]\n"
      "stp x12, x13, [x22, #96]\n stp x14, x15, [x22, #112]\n stp x16, x17, [x22, #128]\n"
      "str x18, [x22, #144]\n"
      : "+r"(from), "+r"(to), "+r"(count)
      :
      : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13",
        "x14", "x15", "x16", "x17", "x18", "x22", "x23", "x24", "v0", "v1", "v2", "v3", "v4", "v5",
        "v6", "v7", "v8", "v9", "v10", "v11", "v12", "v13", "v14", "v15", "v16", "v17", "v18",
        "v19", "v20", "v21", "v22", "v23", "v24", "v25", "v26", "v27", "v28", "v29", "v30", "v31",
        "cc", "memory");
  return stored;
}

}  // namespace

TEST_CASE("the timer interrupts each core, and no more once it is stopped") {
  std::atomic<unsigned> interrupts[most] = {};
  unsigned seen[most] = {};
  unsigned later[most] = {};
  support::parallel(most, [&](unsigned me) {
    start_timer(period(), disturb, &interrupts[me]);
    while (interrupts[me] < 100) support::yield();
    stop_timer();
    seen[me] = interrupts[me];
    const uint64_t start = ticks();
    while (ticks() - start < 100 * uint64_t{period()}) support::yield();
    later[me] = interrupts[me];
  });
  for (unsigned i = 0; i < most; i++) {
    CHECK(seen[i] >= 100);
    CHECK(later[i] == seen[i]);
  }
}

TEST_CASE("cores interrupt each other, but not one whose timer is stopped") {
  static std::atomic<unsigned> interrupts[most] = {};
  static std::atomic<unsigned> started{0};
  static std::atomic<unsigned> done{0};
  const uint32_t long_period = static_cast<uint32_t>(ticks_per_second() * 30);
  support::parallel(most, [&](unsigned me) {
    start_timer(long_period, disturb, &interrupts[me]);
    started++;
    while (started != most) support::yield();
    const unsigned other = (me + 1) % most;
    for (unsigned seen = 0; seen < 20; seen++) {
      interrupt_core(other);
      while (interrupts[other] <= seen) support::yield();
    }
    done++;
    while (done != most) support::yield();
    stop_timer();
  });
  unsigned seen[most];
  for (unsigned i = 0; i < most; i++) {
    CHECK(interrupts[i] == 20);
    seen[i] = interrupts[i];
  }
  for (unsigned i = 0; i < 1000; i++) interrupt_core(i);
  for (unsigned i = 0; i < most; i++) CHECK(interrupts[i] == seen[i]);
}

TEST_CASE("each core knows which one it is") {
  unsigned cores[most] = {};
  support::parallel(most, [&](unsigned me) { cores[me] = this_core(); });
  for (unsigned i = 0; i < most; i++) CHECK(cores[i] == i);
}

TEST_CASE("an interrupt changes no register of the code that it interrupts") {
  Registers loaded;
  for (size_t i = 0; i < sizeof loaded; i++) {
    reinterpret_cast<unsigned char*>(&loaded)[i] = static_cast<unsigned char>(i * 37 + 1);
  }
  loaded.flags = 0x90000000;  // N and V; the handler leaves Z and C
  loaded.fpsr = 0x1f;
  bool all_the_same = true;
  static std::atomic<unsigned> interrupts{0};
  start_timer(period(), disturb, &interrupts);
  for (int i = 0; i < 200; i++) {
    const Registers stored = after_an_interrupt(loaded, interrupts);
    all_the_same = all_the_same && memcmp(&stored, &loaded, sizeof loaded) == 0;
  }
  stop_timer();
  CHECK(all_the_same);
}

TEST_CASE("a core whose interrupts are masked is interrupted once they are not") {
  static std::atomic<unsigned> interrupts{0};
  interrupts = 0;
  asm volatile("msr daifset, #2" ::: "memory");
  start_timer(period(), disturb, &interrupts);
  asm volatile("msr daifset, #2" ::: "memory");
  const unsigned before = interrupts;
  const uint64_t start = ticks();
  while (ticks() - start < 100 * uint64_t{period()}) support::yield();
  CHECK(interrupts == before);
  asm volatile("msr daifclr, #2" ::: "memory");
  while (interrupts == before) support::yield();
  stop_timer();
  CHECK(interrupts > before);
}
