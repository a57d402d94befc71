// SPDX-License-Identifier: MIT OR Apache-2.0
// A program for tools that look on, with the heap that RSB_WORLD is about: does what its argument
// says, right or wrong. A wrong one ends at once, before the heap has seen it, too. run.py knows
// what is to be said of each.
#include RSB_WORLD

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

// Compilers know what functions named malloc, realloc and free do, and warn of some of this.
char* opaque(void* p) {
  asm volatile("" : "+r"(p));
  return static_cast<char*>(p);
}

void require(bool holds, int line) {
  if (holds) return;
  fprintf(stderr, "line %d does not hold\n", line);
  _exit(1);
}
#define REQUIRE(...) require(__VA_ARGS__, __LINE__)

volatile char seen;

// What is about to be touched, for run.py.
void tell(const char* p) {
  dprintf(STDOUT_FILENO, "%p\n", static_cast<const void*>(p));
}

[[gnu::noinline]] void read(const char* p) {
  tell(p);
  seen = *const_cast<const volatile char*>(p);
}
[[gnu::noinline]] void write(char* p) {
  tell(p);
  *const_cast<volatile char*>(p) = 1;
}
[[gnu::noinline]] void decide(const char* p) {
  if (*const_cast<const volatile char*>(p) == 1) seen = 1;
}

char* filled(size_t size, size_t alignment = 0) {
  void* const made = alignment == 0 ? world::allocate(size) : world::allocate(size, alignment);
  char* const block = opaque(made);
  REQUIRE(block != nullptr);
  memset(block, 7, size);
  return block;
}

char* freed(size_t size) {
  char* const block = filled(size);
  world::deallocate(opaque(block));
  return block;
}

constexpr size_t large = 100'000;

// ---- Wrong ----

void read_behind() {
  read(filled(13) + 13);
}
void write_behind() {
  write(filled(13) + 13);
}
void read_behind_nothing() {
  read(filled(0));
}
void read_tail_end() {
  read(filled(40) + 47);
}
void read_behind_aligned() {
  read(filled(100, 256) + 100);
}
void read_behind_large() {
  read(filled(large - 3) + large - 3);
}
void read_before() {
  read(filled(13) - 1);
}
void write_before() {
  write(filled(13) - 1);
}
void read_far_before() {
  read(filled(13) - 24);
}
void read_before_aligned() {
  read(filled(100, 256) - 100);
}
void read_before_large() {
  read(filled(large) - 1);
}
void read_freed() {
  read(freed(13));
}
void write_freed() {
  write(freed(13) + 12);
}
void read_freed_large() {
  read(freed(large) + large / 2);
}

void read_old() {
  char* const old = filled(13);
  REQUIRE(world::reallocate(opaque(old), 5000) != nullptr);
  read(old);
}
void read_taken_away() {
  char* const block = filled(100);
  REQUIRE(world::reallocate(opaque(block), 90) == block);
  read(block + 90);
}
void read_behind_grown() {
  char* const block = filled(90);
  char* const grown = opaque(world::reallocate(opaque(block), 95));
  memset(grown, 7, 95);
  read(grown + 95);
}

void decide_undefined() {
  decide(opaque(world::allocate(13)) + 12);
}
void decide_undefined_growth() {
  decide(opaque(world::reallocate(filled(90), 95)) + 94);
}
void decide_undefined_copy() {
  char* const block = opaque(world::allocate(13));
  memset(block, 7, 12);
  decide(opaque(world::reallocate(opaque(block), 5000)) + 12);
}
void decide_undefined_again() {
  for (int i = 0; i < 5000; i++) world::deallocate(filled(13));  // so that its memory was another's
  decide(opaque(world::allocate(13)));
}

// ---- Right ----

unsigned next_random(unsigned& state) {
  state = state * 1664525u + 1013904223u;
  return state >> 8;
}

struct Kept {
  char* block = nullptr;
  size_t size = 0;
};

void expect(const Kept& kept) {
  const char byte = static_cast<char>(kept.size % 100);
  for (size_t i = 0; i < kept.size; i++) REQUIRE(kept.block[i] == byte);
}
void use(Kept& kept) {
  REQUIRE(world::usable_size(kept.block) >= kept.size);
  memset(kept.block, static_cast<int>(kept.size % 100), kept.size);
}

size_t some_size(unsigned& state) {
  const unsigned any = next_random(state);
  if (any % 64 == 0) return any % 300'000;
  return any % (any % 8 == 0 ? 5000 : 200);
}

// All that a program may do with blocks, each of whose bytes is written, compared and branched on.
void work(unsigned seed, unsigned steps) {
  unsigned state = seed;
  Kept blocks[64];
  for (unsigned step = 0; step < steps; step++) {
    Kept& kept = blocks[next_random(state) % 64];
    const size_t size = some_size(state);
    if (kept.block == nullptr) {
      kept.size = size;
      const unsigned how = next_random(state) % 4;
      if (how == 0) {
        kept.block = opaque(world::allocate_zeroed(size));
        for (size_t i = 0; i < size; i++) REQUIRE(kept.block[i] == 0);
      } else if (how == 1) {
        kept.block = opaque(world::allocate(size, size_t{1} << next_random(state) % 13));
      } else {
        kept.block = opaque(world::allocate(size));
      }
      REQUIRE(kept.block != nullptr);
      use(kept);
      continue;
    }
    expect(kept);
    REQUIRE(world::is_live(kept.block));
    const unsigned how = next_random(state) % 4;
    if (how == 0) {
      const size_t new_size = next_random(state) % 2 == 0 ? size : kept.size + size % 32;
      char* const block = opaque(world::reallocate(opaque(kept.block), new_size));
      REQUIRE(block != nullptr);
      const size_t both = new_size < kept.size ? new_size : kept.size;
      const char byte = static_cast<char>(kept.size % 100);
      for (size_t i = 0; i < both; i++) REQUIRE(block[i] == byte);
      kept = {block, new_size};
      use(kept);
    } else {
      how == 1 ? world::deallocate_nowait(kept.block) : world::deallocate(kept.block);
      kept = {};
    }
    if (step % 128 == 0) world::trim();
  }
  for (Kept& kept : blocks) world::deallocate(kept.block);
}

void* work_in_thread(void* seed) {
  work(static_cast<unsigned>(reinterpret_cast<size_t>(seed)), 300);
  return nullptr;
}

// Looks at what belongs to others.
volatile bool ends;
void* look_on(void*) {
  while (!ends) {
    REQUIRE(world::walk() && world::is_sound());
    usleep(10'000);
  }
  return nullptr;
}

void threads() {
  pthread_t looking;
  REQUIRE(pthread_create(&looking, nullptr, look_on, nullptr) == 0);
  pthread_t working[3];
  for (size_t i = 0; i < 3; i++) {
    void* const seed = reinterpret_cast<void*>(i + 1);
    REQUIRE(pthread_create(&working[i], nullptr, work_in_thread, seed) == 0);
  }
  for (const pthread_t thread : working) pthread_join(thread, nullptr);
  ends = true;
  pthread_join(looking, nullptr);
}

volatile unsigned handled;
void handle(int) {
  char* const block = opaque(world::allocate_nowait(24));
  if (block == nullptr) return;
  memset(block, 3, 24);
  for (int i = 0; i < 24; i++) REQUIRE(block[i] == 3);
  world::deallocate_nowait(block);
  handled = handled + 1;
}

void handlers() {
  signal(SIGALRM, handle);
  const itimerval often{{0, 2000}, {0, 2000}};
  setitimer(ITIMER_REAL, &often, nullptr);
  for (unsigned seed = 0; handled < 10; seed++) work(seed, 100);
  const itimerval never{};
  setitimer(ITIMER_REAL, &never, nullptr);
  signal(SIGALRM, SIG_IGN);
}

// What was wrong to touch in the parent's life is memory like any other when it is handed out.
void all_again() {
  char* blocks[300];
  for (unsigned round = 0; round < 3; round++) {
    for (char*& block : blocks) block = filled(1 + round * 50);
    for (char* const block : blocks) world::deallocate(block);
    world::trim();
  }
  char* const one = filled(3 * large);
  world::deallocate(one);
  world::clear();
  world::deallocate(filled(3 * large));
}

void right() {
  work(1, 1500);
  all_again();
  threads();
  handlers();
  filled(20);  // is live when the heap begins anew
  world::clear();
  all_again();
  const pid_t child = fork();
  if (child == 0) {
    work(5, 300);
    _exit(0);
  }
  int status = 1;
  REQUIRE(child > 0 && waitpid(child, &status, 0) == child && status == 0);
  REQUIRE(world::is_sound());
}

#ifdef RSB_REGIONS
// Memory that is taken out again is the program's, whatever was in it.
void regions() {
  using world::region;
  for (int round = 0; round < 2; round++) {
    REQUIRE(world::heap.add_region(region, sizeof region) != 0);
    char* blocks[100];
    for (char*& block : blocks) block = opaque(world::heap.allocate(70'000));
    for (char* const block : blocks) world::deallocate(block);
    REQUIRE(world::heap.remove_region(region, sizeof region) != 0);
    for (char& byte : region) byte = static_cast<char>(byte + 1);
  }
}
#endif

#define CASE(name) \
  { #name, name }
const struct {
  const char* name;
  void (*run)();
} cases[] = {
    CASE(read_behind),
    CASE(write_behind),
    CASE(read_behind_nothing),
    CASE(read_tail_end),
    CASE(read_behind_aligned),
    CASE(read_behind_large),
    CASE(read_before),
    CASE(write_before),
    CASE(read_far_before),
    CASE(read_before_aligned),
    CASE(read_before_large),
    CASE(read_freed),
    CASE(write_freed),
    CASE(read_freed_large),
    CASE(read_old),
    CASE(read_taken_away),
    CASE(read_behind_grown),
    CASE(decide_undefined),
    CASE(decide_undefined_growth),
    CASE(decide_undefined_copy),
    CASE(decide_undefined_again),
    CASE(right),
#ifdef RSB_REGIONS
    CASE(regions),
#endif
};

}  // namespace

int main(int count, char** arguments) {
  if (count == 1) {
    for (const auto& each : cases) puts(each.name);
    return 0;
  }
  world::begin();
  for (const auto& each : cases) {
    if (strcmp(each.name, arguments[1]) != 0) continue;
    each.run();
    _exit(0);
  }
  return 2;
}
