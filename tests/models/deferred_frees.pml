/* SPDX-License-Identifier: MIT OR Apache-2.0 */
// Deferred frees, as a model for SPIN: on each of two CPUs a thread, on the first one also a handler that
// interrupts it anywhere. All of them push live blocks, of two regions, and take some over under the heap's
// lock (the handler, if it is free). What was taken over is live again at once, and may be pushed again.
//
// Found: a block that was pushed is taken over once, by somebody, and not after it was handed out again; no
// link is read that was not written by the push; the count of those that wait is never too small; whenever
// nobody is at it, all that were pushed and not taken over are in one of the lists, once, and the flag says so;
// and after look_again() and take_over_all() none is left that was in a list before.
//
// Stores of the flag are late: each CPU has a buffer for it, which its exchanges empty. (What else is stored
// without one is followed by one.) Left out:
// - Loads are not early.
// - Marks and disguises of links, faults, and what the heap does with a block.
// - A call looks at one region at a time, and takes over one block, instead of eight.
// - Handlers in handlers: a push in a push is one on another CPU, as far as the lists go.
//
// mirrors core/include/rsb: DeferredFrees::push 1cf397f6fc3c
// mirrors core/include/rsb: DeferredFrees::any 74e4cfe17d84
// mirrors core/include/rsb: DeferredFrees::count e9407f90ef85
// mirrors core/include/rsb: DeferredFrees::look_again f059a889e7fb
// mirrors core/include/rsb: DeferredFrees::pop a78405441da9
// mirrors core/include/rsb: DeferredFrees::follow ab9101e43846
// mirrors core/include/rsb: DeferredFrees::find_list d42cfea6fda6
// mirrors core/include/rsb: DeferredFrees::set_any 1346b0d0e433
// mirrors core/include/rsb: has_deferred d84d97c172e6
// mirrors core/include/rsb: take_over e7c51295fa11
// mirrors core/include/rsb: take_over_all 04e11e29a75b
// mirrors core/include/rsb: Heap::deallocate_nowait 06f92bcadf6e
// mirrors core/include/rsb: SmallHeap::deallocate_nowait 7ac4d5a847d6
// mirrors core/include/rsb: Heap::allocate_nowait c3b5a88fb098
// mirrors core/include/rsb: SmallHeap::allocate_nowait b3c402c2d6d4
//
// run:                                    holds, 147,330 states
// run: -DHANDLER                          holds, 2,449,875 states
// run: -DALL                              holds, 259,975 states
// run: -DBROKEN_FLAG_BEFORE_PUSH          assertion
// run: -DBROKEN_FLAG_CLEARED_LATE         assertion
// run: -DBROKEN_FLAG_STORED_AFTER_LOOK    assertion
// run: -DBROKEN_FLAG_NOT_KEPT             assertion
// run: -DBROKEN_PUSH_BY_STORE             assertion
// run: -DBROKEN_LINK_NOT_RENEWED          assertion
// run: -DBROKEN_LINK_AFTER_PUSH           assertion
// run: -DBROKEN_TAKE_BY_STORE             assertion
// run: -DBROKEN_FOLLOW_AFTER_RELEASE      assertion
// run: -DBROKEN_COUNTED_LATE              assertion
// run: -DALL -DBROKEN_NO_LOOK_AGAIN       assertion
// run: -DHANDLER -DBROKEN_TAKE_WITHOUT_LOCK  assertion

#define CPUS 2
#define BLOCKS 3
#define REGIONS 2
#ifdef HANDLER
#define buffers_from (CPUS + 1)
#else
#define buffers_from CPUS
#endif
#define NONE BLOCKS       // no block
#define GARBAGE 9         // what a block's owner wrote there
#define region_of(b) ((b) / 2)  // 0 0 1

// The flag.
#define NOTHING 0
#define GOING_ON 1
#define PUSHED 2
byte any;
bit flag_waits[CPUS];  // stores of PUSHED

byte first[REGIONS] = NONE;
byte link[BLOCKS];
byte rest = NONE;
byte cursor = REGIONS;  // REGIONS: from the first one on
byte waiting;           // pushed_ - taken_

bit locked;
bit in_handler;

// What is true, whoever knows it.
mtype = { live, claimed, in_list };
mtype state[BLOCKS] = live;
bit is_old[BLOCKS];  // was in a list when somebody began to take over all
byte in_flight;      // pushes whose flag is not in memory

inline empty_buffer() {
  if
  :: flag_waits[cpu] -> any = PUSHED; in_flight--; flag_waits[cpu] = 0
  :: else
  fi
}

#define sees_any (any != NOTHING || flag_waits[cpu])

inline set_any() {
  atomic { !flag_waits[cpu] -> flag_waits[cpu] = 1 }
}

// Of a block that is the caller's.
inline push(b) {
#ifdef BROKEN_FLAG_BEFORE_PUSH
  set_any();
#endif
  seen = first[region_of(b)];  // load_relaxed
#ifdef BROKEN_LINK_NOT_RENEWED
  link[b] = seen;
#endif
  do
  ::
#if !defined(BROKEN_LINK_NOT_RENEWED) && !defined(BROKEN_LINK_AFTER_PUSH)
    link[b] = seen;
#endif
    atomic {
      empty_buffer();
#ifdef BROKEN_PUSH_BY_STORE
      first[region_of(b)] = b; state[b] = in_list; break
#else
      if
      :: first[region_of(b)] == seen -> first[region_of(b)] = b; state[b] = in_list; break
      :: else -> seen = first[region_of(b)]
      fi
#endif
    }
  od;
#ifdef BROKEN_LINK_AFTER_PUSH
  link[b] = seen;
#endif
#ifdef BROKEN_COUNTED_LATE
  waiting++;
#endif
#ifndef BROKEN_FLAG_BEFORE_PUSH
  set_any();
#endif
  seen = 0
}

// A live block, if there is one, which is nobody else's from now on, and counted.
inline choose(b) {
  atomic {
    if
    :: state[0] == live -> b = 0
    :: state[1] == live -> b = 1
    :: state[2] == live -> b = 2
    :: skip
    fi;
    if
    :: b != NONE ->
      state[b] = claimed;
      link[b] = GARBAGE;
      in_flight++;
#ifndef BROKEN_COUNTED_LATE
      waiting++
#endif
    :: else
    fi
  }
}

inline lock() {
  atomic { !locked -> locked = 1 }
}
inline unlock() {
  atomic { empty_buffer(); locked = 0 }
}

// Of the next region; `rest` is none if there is nothing in it.
inline find_list() {
  if
  :: cursor == REGIONS ->
#ifdef BROKEN_FLAG_CLEARED_LATE
    cursor = 0
#else
    atomic { empty_buffer(); any = NOTHING; cursor = 0 }
#endif
  :: else
  fi;
  atomic { region = cursor; cursor++ };
  if
  :: first[region] == NONE
  :: else ->
#ifdef BROKEN_TAKE_BY_STORE
    rest = first[region];
    first[region] = NONE
#else
    atomic { empty_buffer(); rest = first[region]; first[region] = NONE }
#endif
  fi;
#ifndef BROKEN_FLAG_NOT_KEPT
  atomic {
    empty_buffer();
    if
    :: rest != NONE || cursor != REGIONS ->
      if
#ifdef BROKEN_FLAG_STORED_AFTER_LOOK
      :: any = GOING_ON
#else
      :: any == NOTHING -> any = GOING_ON
      :: else
#endif
      fi
    :: else ->
      if
#if defined(BROKEN_FLAG_STORED_AFTER_LOOK) || defined(BROKEN_FLAG_CLEARED_LATE)
      :: any = NOTHING
#else
      :: any == GOING_ON -> any = NOTHING
      :: else
#endif
      fi
    fi;
    region = 0
  }
#endif
}

// One block: pop() and follow(); then the heap releases it, and writes links of its own there.
inline take_over() {
  if
  :: rest == NONE -> find_list()
  :: else
  fi;
  if
  :: rest == NONE
  :: else ->
    atomic {
      block = rest;
      rest = NONE;
      assert(waiting != 0);
      waiting--;
      assert(state[block] == in_list);
      is_old[block] = 0;
#ifdef BROKEN_FOLLOW_AFTER_RELEASE
      link[block] = GARBAGE;
#endif
      assert(link[block] != GARBAGE);
      rest = link[block];
      link[block] = GARBAGE;
      state[block] = live;
      block = 0
    }
  fi
}

inline deallocate_nowait() {
  choose(own);
  if
  :: own != NONE -> push(own)
  :: else
  fi;
  own = NONE
}

// Of a call that holds the lock.
inline take_over_some() {
  if
  :: sees_any -> take_over()
  :: else
  fi
}

inline take_over_all() {
#ifndef BROKEN_NO_LOOK_AGAIN
  in_flight++;
  set_any();
#endif
  atomic {
    is_old[0] = state[0] == in_list;
    is_old[1] = state[1] == in_list;
    is_old[2] = state[2] == in_list
  }
  do
  :: sees_any -> take_over(); unlock(); lock()
  :: else -> break
  od;
  assert(!is_old[0] && !is_old[1] && !is_old[2])
}

active [CPUS] proctype thread() provided (_pid != 0 || !in_handler) {
  byte cpu = _pid;
  byte own = NONE, seen, block, region;
end:
  do
  :: deallocate_nowait()
#ifdef HANDLER
  :: _pid == 0 -> lock(); take_over_some(); unlock()
#else
  :: lock(); take_over_some(); unlock()
#endif
#ifdef ALL
  :: _pid == 0 -> lock(); take_over_all(); unlock()
#endif
  od
}

#ifdef HANDLER
active proctype handler() {
  byte cpu = 0;
  byte own = NONE, seen, block, region;
end:
  do
  ::
    in_handler = 1;
    if
    :: deallocate_nowait()
    :: atomic { !locked -> locked = 1 }; take_over_some(); unlock()
#ifdef BROKEN_TAKE_WITHOUT_LOCK
    :: take_over_some()
#endif
    fi;
    in_handler = 0
  od
}
#endif

active [CPUS] proctype buffer() {
  byte cpu = _pid - buffers_from;
end:
  do
  :: atomic { flag_waits[cpu] -> empty_buffer() }
  od
}

// Adds the blocks of a list, and asserts that it ends.
inline add_list(begin) {
  at = begin;
  do
  :: at < BLOCKS -> assert(state[at] == in_list); found++; assert(found <= BLOCKS); at = link[at]
  :: else -> assert(at == NONE); break
  od
}

active proctype nobody_is_at_it() {
  byte at, found, pushed;
end:
  do
  ::
    d_step {
      !locked && in_flight == 0 ->
      found = 0;
      add_list(rest);
      add_list(first[0]);
      add_list(first[1]);
      pushed = (state[0] == in_list) + (state[1] == in_list) + (state[2] == in_list);
      assert(found == pushed);
      assert(waiting == pushed);
      assert(pushed == 0 || any != NOTHING);
      at = 0; found = 0; pushed = 0
    }
  od
}
