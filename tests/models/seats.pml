/* SPDX-License-Identifier: MIT OR Apache-2.0 */
// Seats and the set of caches, as a model for SPIN: two threads and two caches, or one
// (-DONE_CACHE); or three threads that do no more than claim one (-DTHREE). A thread enters its seat and
// works on its cache; claims one (an unclaimed one, or one that is taken over from an idle thread), gives it
// back and empties the one that was given back before, seizes all caches and looks into them, takes all away
// and puts them back when it has emptied them, or takes another thread's cache back.
//
// Found: never are two at work on one cache: its thread between enter() and leave(), who looks into it while it
// is seized, and who empties it; whenever the set's lock is free, each cache is one thread's, unclaimed or
// taken, just one of these, and `owners` is how many are somebody's; nobody waits for ever; and a thread that
// asks for the only cache gets it once its holder has fallen idle (progress).
//
// Stores are late: each thread has a buffer, which its stores leave in their order (as on x86). What is
// executed atomically empties it first, so does what takes or gives up the set's lock. What a light and a heavy
// barrier do is one of
//   (default)       light: nothing; heavy: the calling thread's buffer is emptied, then each of the others, at
//                   some time (membarrier)
//   -DFENCES        both empty the calling thread's buffer
//   -DNO_BARRIER    light: nothing; heavy: fails
//
// Left out:
// - Loads are not early, and what lies in caches is stored at once.
// - Patience, and the cursor: any thread asks at any time, for any cache.
// - Membership; budgets; a cache that has not begun. Each that is given back has something in it, or has not.
// - Fork (fork_in_handler.pml).
//
// mirrors core/include/rsb: Seat::enter 5937dd5932ad
// mirrors core/include/rsb: Seat::leave d8372b41171f
// mirrors core/include/rsb: Seat::cache daf38046505b
// mirrors core/include/rsb: Seat::set_cache 87de18ef8a1a
// mirrors core/include/rsb: Seat::is_inside 4f5dad6395f9
// mirrors core/include/rsb: Seat::is_idle f166e66d3c31
// mirrors core/include/rsb: Visit::Visit b5489bde439c
// mirrors core/include/rsb: Visit::~Visit 046553da79e2
// mirrors core/include/rsb: SeatsOfCores::light_barrier ea2c69617084
// mirrors core/include/rsb: SeatsOfCores::heavy_barrier 83d6bd825a2f
// mirrors platform/posix: Barriers::light 2e1fa71d825d
// mirrors platform/posix: Barriers::heavy 9ed62c40aa68
// mirrors core/include/rsb: CacheSet::claim 0c73e4a0b96d
// mirrors core/include/rsb: CacheSet::give_back fcbaef4f4bd3
// mirrors core/include/rsb: CacheSet::give_back_own 4ca2bf387a3c
// mirrors core/include/rsb: CacheSet::give_back_locked b224e7b95c79
// mirrors core/include/rsb: CacheSet::put_back a96a9fb88fe5
// mirrors core/include/rsb: CacheSet::put_below c8ef2e61dd6b
// mirrors core/include/rsb: CacheSet::take_back 37dec4ff82d3
// mirrors core/include/rsb: CacheSet::take_all 9842b4499328
// mirrors core/include/rsb: CacheSet::put_back_all 4099db4df5f8
// mirrors core/include/rsb: CacheSet::set_owner d16a2a70d363
// mirrors core/include/rsb: CacheSet::take_unclaimed_or_idle 7ec9b6aaffc9
// mirrors core/include/rsb: CacheSet::take_over_idle 8a51aaf77e53
// mirrors core/include/rsb: CacheSet::seize 5599f4dfddb6
// mirrors core/include/rsb: CacheSet::release 381cc8c3635c
// mirrors core/include/rsb: CacheSet::wait_until_outside f5f8de2063a3
// mirrors core/include/rsb: Seizure::Seizure 0c94821a9616
// mirrors core/include/rsb: Seizure::~Seizure a07e69b6f064
// mirrors core/include/rsb: Seizure::for_each 4229377e086c
// mirrors core/include/rsb: settle 99c9bbb1fbd3
//
// run:                                                       holds, 1,704,378 states
// run: -DFENCES                                              holds, 840,588 states
// run: -DONE_CACHE -DNO_BARRIER                             holds, 231,609 states
// run: -DONE_CACHE                                           holds, 202,125 states
// run: -DTHREE                                               holds, 996,460 states
// run: -DTHREE -DFENCES                                      holds, 187,840 states
// run: -DONE_CACHE -DFALLS_IDLE progress                     holds, 11,067 states
// run: -DBROKEN_NO_HEAVY_BARRIER                             assertion
// run: -DFENCES -DBROKEN_NO_HEAVY_BARRIER                    assertion
// run: -DONE_CACHE -DBROKEN_NO_HEAVY_BARRIER                 assertion
// run: -DFENCES -DBROKEN_NO_LIGHT_BARRIER                    assertion
// run: -DONE_CACHE -DNO_BARRIER -DBROKEN_ALL_STILL           assertion
// run: -DBROKEN_NO_WAIT                                      assertion
// run: -DBROKEN_LEAVE_EARLY                                  assertion
// run: -DONE_CACHE -DBROKEN_ONE_LOOK                         assertion
// run: -DONE_CACHE -DBROKEN_NOT_TAKEN_OUT                    assertion
// run: -DONE_CACHE -DBROKEN_NOT_GIVEN_AGAIN                  assertion
// run: -DBROKEN_NOT_HANDED_BACK                              assertion
// run: -DBROKEN_NO_TAKER                                     assertion
// run: -DBROKEN_TAKEN_LOOKED_INTO                            assertion
// run: -DBROKEN_LIST_CUT                                     assertion
// run: -DONE_CACHE -DFALLS_IDLE -DBROKEN_NEVER_IDLE progress no progress

#if defined(THREE)
#define THREADS 3
#define CACHES 1
#elif defined(ONE_CACHE)
#define THREADS 2
#define CACHES 1
#else
#define THREADS 2
#define CACHES 2
#endif
#define NOBODY THREADS
#define NONE CACHES  // no cache

// What a seat says of its thread.
#define IDLE 0
#define INSIDE 1
#define ACTIVE 2
byte doing[THREADS];
byte cache[THREADS] = NONE;

// Stores that wait: whose cache (or NOBODY: what the thread itself does), and what is stored. A thread does not
// load what it does; and what it loads of a cache, it, or another thread, has stored under the lock.
chan buffer[THREADS] = [2] of { byte, byte };
#define store_doing(what) buffer[me]!NOBODY, what
#define store_cache(whose, what) buffer[me]!whose, what

// The set, under its lock.
bit locked;
byte owner[CACHES] = NOBODY;
byte taker[CACHES] = NOBODY;
bit is_still[CACHES];
bit has_something[CACHES];
#if CACHES > 1
byte next[CACHES] = { 1, NONE };
#else
byte next[CACHES] = NONE;
#endif
byte unclaimed = 0;  // all of them
byte owners;
byte takers_of_all;

byte at_work[CACHES];  // how many are at work on it

inline begin_work(c) {
  at_work[c]++;
  assert(at_work[c] == 1)
}
inline end_work(c) {
  at_work[c]--
}

inline leave_buffer(t) {
  buffer[t]?whose, what;
  if
  :: whose == NOBODY -> doing[t] = what
  :: else -> cache[whose] = what
  fi;
  whose = 0; what = 0
}

inline empty_buffer(t) {
  atomic {
    do
    :: nempty(buffer[t]) -> leave_buffer(t)
    :: empty(buffer[t]) -> break
    od
  }
}

inline light_barrier() {
#if defined(FENCES) && !defined(BROKEN_NO_LIGHT_BARRIER)
  empty_buffer(me)
#else
  skip
#endif
}

inline heavy_barrier() {
#if defined(BROKEN_NO_HEAVY_BARRIER)
  all_know = 1
#elif defined(FENCES)
  empty_buffer(me);
  all_know = 1
#elif defined(NO_BARRIER)
  all_know = 0
#else
  empty_buffer(me);
  empty_buffer(0);
  empty_buffer(1);
#if THREADS > 2
  empty_buffer(2);
#endif
  all_know = 1
#endif
}

// ---- The set's lock ----

inline lock() {
  atomic { !locked -> locked = 1; empty_buffer(me) }
}

inline unlock() {
  atomic {
    empty_buffer(me);
    check();
    c = NONE; o = NOBODY; all_know = 0;
    locked = 0
  }
}

// That each cache is somewhere, once.
inline check() {
  d_step {
    found = 0;
    c = unclaimed;
    do
    :: c == NONE -> break
    :: else -> assert(owner[c] == NOBODY && taker[c] == NOBODY); found++; assert(found <= CACHES); c = next[c]
    od;
    c = 0;
    o = 0;
    do
    :: c == CACHES -> break
    :: else ->
      if
      :: taker[c] != NOBODY -> assert(owner[c] == NOBODY); found++
      :: else
      fi;
      if
      :: owner[c] != NOBODY -> assert(cache[owner[c]] == c); o++; found++
      :: else
      fi;
      c++
    od;
    assert(found == CACHES && o == owners);
    found = 0
  }
}

inline set_owner(the_cache, the_owner) {
  owners = owners + (the_owner != NOBODY) - (owner[the_cache] != NOBODY);
  owner[the_cache] = the_owner
}

inline put_back(the_cache) {
  set_owner(the_cache, NOBODY);
  next[the_cache] = unclaimed;
  unclaimed = the_cache
}

// ---- A thread's seat ----

inline visit() {
  store_doing(INSIDE);
  light_barrier();
  atomic {
    c = cache[me];
    if
    :: c == NONE -> store_doing(ACTIVE)
    :: else ->
      begin_work(c);
      has_something[c] = 1
    fi
  };
  if
  :: c == NONE
  :: else ->
#ifdef BROKEN_LEAVE_EARLY
    store_doing(ACTIVE);
    end_work(c);
#else
    atomic { end_work(c); store_doing(ACTIVE) };
#endif
    if
    :: me != 0 -> progress: skip
    :: else
    fi;
    c = NONE
  fi
}

// Of the owner, as is_idle() says: whether it was idle; and it is, if it has not been inside by the next time.
inline look_whether_idle() {
  atomic {
    empty_buffer(me);
    is_idle = doing[o] == IDLE;
    if
#ifndef BROKEN_NEVER_IDLE
    :: doing[o] == ACTIVE -> doing[o] = IDLE
#endif
    :: else
    fi
  }
}

// ---- The set ----

// c: one, or none.
inline take_over_idle() {
  if
  :: c = 0
#if CACHES > 1
  :: c = 1
#endif
  fi;
  o = owner[c];
  if
  :: o == NOBODY -> c = NONE
  :: else ->
    assert(o != me);
    look_whether_idle();
    if
    :: !is_idle -> c = NONE
    :: else ->
#ifndef BROKEN_NOT_TAKEN_OUT
      store_cache(o, NONE);
#endif
      heavy_barrier();
      if
      :: all_know ->
#ifndef BROKEN_ONE_LOOK
        look_whether_idle()
#endif
      :: else -> is_idle = 0
      fi;
      if
      :: is_idle
#ifdef BROKEN_NOT_GIVEN_AGAIN
      :: else -> c = NONE
#else
      :: else -> store_cache(o, c); c = NONE
#endif
      fi
    fi
  fi;
  atomic { o = NOBODY; is_idle = 0; all_know = 0 }
}

inline claim() {
  lock();
  if
  :: cache[me] != NONE
  :: cache[me] == NONE && takers_of_all != 0
  :: cache[me] == NONE && takers_of_all == 0 ->
    if
    :: unclaimed != NONE -> atomic { c = unclaimed; unclaimed = next[c] }
    :: else -> take_over_idle()
    fi;
    if
    :: c != NONE -> atomic { set_owner(c, me); store_cache(me, c) }
    :: else
    fi
  fi;
  unlock()
}

inline empty_cache(the_cache) {
  atomic { begin_work(the_cache); has_something[the_cache] = 0 };
  end_work(the_cache)
}

inline give_back() {
  lock();
  atomic {
    before = unclaimed;
    if
    :: before != NONE && has_something[before] -> 
      unclaimed = next[before];
#ifndef BROKEN_NO_TAKER
      taker[before] = me
#endif
    :: else -> before = NONE
    fi;
    c = cache[me];
    if
    :: c != NONE -> store_cache(me, NONE); put_back(c)
    :: else
    fi
  }
  unlock();
  if
  :: before != NONE ->
    empty_cache(before);
    lock();
    atomic {
      taker[before] = NOBODY;
      if
      :: unclaimed == NONE -> put_back(before)
      :: else ->
#ifndef BROKEN_LIST_CUT
        next[before] = next[unclaimed];
#endif
        next[unclaimed] = before
      fi;
      before = NONE
    }
    unlock()
  :: else
  fi
}

inline wait_until_outside() {
#ifndef BROKEN_NO_WAIT
  doing[o] != INSIDE
#else
  skip
#endif
}

inline take_back(whose_one) {
  lock();
  c = cache[whose_one];
  if
  :: c == NONE
  :: else ->
    o = whose_one;
    store_cache(o, NONE);
    heavy_barrier();
    if
    :: all_know -> wait_until_outside(); atomic { put_back(c) }
    :: else -> store_cache(o, c)
    fi
  fi;
  unlock()
}

inline seize() {
  atomic {
    c = 0;
    all_know = 1;
    do
    :: c == CACHES -> break
    :: else ->
      if
      :: owner[c] == NOBODY
      :: else ->
        if
        :: owner[c] != me -> all_know = 0
        :: else
        fi;
        store_cache(owner[c], NONE)
      fi;
      c++
    od
  }
  if
  :: all_know
  :: else -> heavy_barrier()
  fi;
  c = 0;
  do
  :: c == CACHES -> break
  :: else ->
    o = owner[c];
    
#ifdef BROKEN_ALL_STILL
    is_still[c] = 1;
#else
    is_still[c] = o == NOBODY || o == me || all_know;
#endif
    if
    :: o != NOBODY && o != me && is_still[c] -> wait_until_outside()
    :: else
    fi;
    c++
  od
}

inline release() {
  atomic {
    c = 0;
    do
    :: c == CACHES -> break
    :: else ->
      if
      :: owner[c] != NOBODY -> store_cache(owner[c], c)
      :: else
      fi;
      c++
    od
  }
}

inline look_into_all() {
  lock();
  seize();
  atomic {
    c = 0;
    do
    :: c == CACHES -> break
    :: else ->
      if
#ifdef BROKEN_TAKEN_LOOKED_INTO
      :: is_still[c] -> begin_work(c)
#else
      :: taker[c] == NOBODY && is_still[c] -> begin_work(c)
#endif
      :: else
      fi;
      c++
    od
  }
  atomic {
    c = 0;
    do
    :: c == CACHES -> break
    :: else ->
      if
      :: taker[c] == NOBODY && is_still[c] -> end_work(c)
      :: else
      fi;
      is_still[c] = 0;
      c++
    od
  }
#ifndef BROKEN_NOT_HANDED_BACK
  release();
#endif
  unlock()
}

// What a thread has taken it has in a list; here, `taker` says so.
inline take_all() {
  lock();
  seize();
  atomic {
    takers_of_all++;
    unclaimed = NONE;
    c = 0;
    do
    :: c == CACHES -> break
    :: else ->
      if
      :: is_still[c] && taker[c] == NOBODY -> set_owner(c, NOBODY); taker[c] = me
      :: else
      fi;
      is_still[c] = 0;
      next[c] = NONE;
      c++
    od
  }
  release();
  unlock();
  c = 0;
  do
  :: c == CACHES -> break
  :: else ->
    if
    :: taker[c] == me -> empty_cache(c)
    :: else
    fi;
    c++
  od;
  lock();
  atomic {
    takers_of_all--;
    c = 0;
    do
    :: c == CACHES -> break
    :: else ->
      if
      :: taker[c] == me -> taker[c] = NOBODY; put_back(c)
      :: else
      fi;
      c++
    od
  }
  unlock()
}

active [THREADS] proctype thread() {
  byte me = _pid;
  byte c = NONE, o = NOBODY, before = NONE, whose, what, found;
  bit all_know, is_idle;
#ifdef FALLS_IDLE
  byte visits;
#endif
end:
  do
#ifdef FALLS_IDLE
  :: me == 0 && visits < 2 -> visit(); visits++
  :: me == 0 && visits < 2 && cache[me] == NONE -> claim(); visits++
  :: me != 0 && cache[me] != NONE -> visit()
  :: me != 0 && cache[me] == NONE -> claim()
#else
  :: visit()
  :: cache[me] == NONE -> claim()
#if !defined(THREE)
  :: give_back()
  :: look_into_all()
  :: take_all()
  :: take_back((me + 1) % THREADS)
#endif
#endif
  od
}

active [THREADS] proctype leaves_buffer() {
  byte t = _pid - THREADS;
  byte whose, what;
end:
  do
  :: atomic { nempty(buffer[t]) -> leave_buffer(t) }
  od
}
