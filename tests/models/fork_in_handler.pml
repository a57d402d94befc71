/* SPDX-License-Identifier: MIT OR Apache-2.0 */
// The heap's lock and the set of caches around fork, as a model for SPIN: a thread visits its cache, claims one,
// works on the heap and on the set, and forks; between prepare and parent or child it may allocate. A signal
// handler interrupts it anywhere, also there, and forks. Another thread does the same without a handler.
// After a fork the model goes on in the parent or in the child, where the other thread is no more.
//
// Found: nobody waits for ever, neither in the parent nor in the child (an invalid end state): so the child's
// locks are free, but for those that the forking thread itself is inside. In the child no cache can be claimed
// on which the other thread was at work; in the parent, none is worked on by two, and the heap is one's.
//
// Signals are blocked (AllSignalsBlocked) where locks and caches are given up: in the parent, in the child, when a lock was
// not to be had; and, where resting_ is not 0, in unlock(). Without that a handler that comes between two certain
// instructions, and forks there, waits for ever, or its child does later.
// - unlock_in_parent(), reset_in_child() store resting_, then owner_. In between try_lock_for_fork() finds the
//   lock neither held for a fork nor free.
// - unlock() of what is allocated within a fork (hold_for_fork() included) loads resting_, then stores owner_. A
//   child made in between has the lock free; then this store takes it for a fork that nobody ends.
// - after_fork_in_parent() gives the caches back, then the set's lock. A child made in between is told that all
//   caches stand still.
//
// Left out:
// - What is locked before the heap (fork_order.pml); how often it is tried to lock before that is given up.
// - Late stores: a heavy barrier is taken to do its part (seats.pml).
// - What is in caches; idle threads' are not taken over.
// - The only thread of a process, whose lock is marked without atomics.
//
// mirrors platform/posix: Lock::lock f70956d95f27
// mirrors platform/posix: Lock::try_lock 399dcafed8b5
// mirrors platform/posix: Lock::unlock 8b9d1046dacd
// mirrors platform/posix: Lock::unlock_around_fork 8bbf9c9df5a6
// mirrors platform/posix: Lock::wait 5f7c506bfb23
// mirrors platform/posix: Lock::is_held_by_this_thread cd13c7ea0c20
// mirrors platform/posix: Lock::lock_for_fork 18abe2431ed4
// mirrors platform/posix: Lock::try_lock_for_fork 83d8fdc7e847
// mirrors platform/posix: Lock::hold_for_fork af0646aa443d
// mirrors platform/posix: Lock::is_held_for_fork ca05f3bb46b8
// mirrors platform/posix: Lock::unlock_in_parent 36d8a6228347
// mirrors platform/posix: Lock::reset_in_child 374b6f100702
// mirrors platform/posix: AtFork::lock 459c607f9825
// mirrors platform/posix: AtFork::unlock_in_parent df85ff05bcd9
// mirrors platform/posix: AtFork::reset_in_child fad6404eb62a
// mirrors platform/posix: prepare d34fa8049143
// mirrors platform/posix: go_on_in_parent c3379a3326e4
// mirrors platform/posix: go_on_in_child 5535446c39cf
// mirrors core/include/rsb: Seat::stop a324568e98fa
// mirrors core/include/rsb: Seat::go_on 30ade2797d60
// mirrors core/include/rsb: Seat::begin_fork a98507fef4f5
// mirrors core/include/rsb: Seat::end_fork 3a473e618404
// mirrors core/include/rsb: Seat::lose_thread 8b879183040b
// mirrors core/include/rsb: CacheSet::before_fork 238cb1b01aae
// mirrors core/include/rsb: CacheSet::after_fork_in_parent cf56b775026c
// mirrors core/include/rsb: CacheSet::after_fork_in_child b48ea951e848
// mirrors core/include/rsb: CacheSet::abandon_others 29737dac8a82
// mirrors core/include/rsb: CacheSet::inherit b4b96d3cd2c3
// mirrors core/include/rsb: CacheSet::seize 5599f4dfddb6
// mirrors core/include/rsb: CacheSet::release 381cc8c3635c
// mirrors core/include/rsb: CacheSet::claim 0c73e4a0b96d
//
// run:                            holds, 2,287,161 states
// run: -DBROKEN_UNMASKED_UNLOCK   deadlock
// run: -DBROKEN_UNMASKED_HANDLERS deadlock
// run: -DBROKEN_NO_STOP           deadlock
// run: -DBROKEN_WAIT_INSIDE       deadlock
// run: -DBROKEN_ALL_WHOLE         assertion
// run: -DBROKEN_HEAP_KEPT         assertion

// Who: the thread with the handler, and the other one.
#define MINE 0
#define OTHER 1
#define THREADS 2
#define NOBODY THREADS
byte child_of = NOBODY;  // whose fork this process comes from: only that thread is in it
bit in_handler;
#ifndef SIGNALS
#define SIGNALS 1
#endif
byte signals = SIGNALS;  // how many come yet
byte masked;             // whether none may come now: how often, nested

// platform::Lock. What its owner_ says: 0, or one of these.
#define HEAP 0
#define SET 1
#define this_thread (1 + 2 * me)
#define at_fork (2 + 2 * me)
byte owner_[2];
byte resting_[2];
byte forks_inside_[2];

// Seats.
#define OUTSIDE 0
#define INSIDE 1
#define STOPPED 2
byte doing[THREADS];
byte cache[THREADS] = NOBODY;
byte stops[THREADS];
bit was_inside[THREADS];
#define NESTED 0
#define LOCKED 1
#define WITHIN 2
#define UNLOCKED 3
byte forks[THREADS];

// The set: as many caches as threads.
byte owner[THREADS] = NOBODY;
bit is_still[THREADS];
bit is_lost[THREADS];  // its taker will not bring it back
byte forking = NOBODY;

byte at_work[THREADS] = NOBODY;  // who is, on a cache
byte in_heap = NOBODY;           // who is, in the heap

// Only the thread itself has a handler; and in that one no other comes.
#ifndef BROKEN_UNMASKED_HANDLERS
#define mask() if :: me == MINE -> masked++ :: else fi
#define unmask() if :: me == MINE -> masked-- :: else fi
#else
#define mask() skip
#define unmask() skip
#endif

// ---- platform::Lock ----

#define is_held_by_this_thread(l) (owner_[l] == this_thread)
#define is_held_for_fork(l) (resting_[l] == at_fork)

// Waits while another has it.
inline lock(l) {
  assert(owner_[l] != this_thread);
  atomic {
    if
    :: owner_[l] == 0
    :: owner_[l] == at_fork
    fi;
    owner_[l] = this_thread
  }
}

// Not at once: the handler may fork in between. In that one's child the lock is nobody's, and what is stored here
// too late. So anything but 0 is stored with signals blocked.
inline unlock(l) {
  rests = resting_[l];
#ifndef BROKEN_UNMASKED_UNLOCK
  atomic { owner_[l] = (rests == 0 -> 0 : resting_[l]); rests = 0 }
#else
  atomic { owner_[l] = rests; rests = 0 }
#endif
}

inline hold_for_fork(l) {
  resting_[l] = at_fork;
  unlock(l)
}

inline unlock_in_parent(l) {
  if
  :: forks_inside_[l] != 0 -> forks_inside_[l]--
  :: forks_inside_[l] == 0 && is_held_for_fork(l) ->
    resting_[l] = 0;
    unlock(l)
  :: forks_inside_[l] == 0 && !is_held_for_fork(l)
  fi
}

// Nobody else is there.
inline reset_in_child(l) {
  is_inside = is_held_by_this_thread(l) && forks_inside_[l] != 0;
  forks_inside_[l] = 0;
  resting_[l] = 0;
  if
  :: is_inside
  :: else -> unlock(l)
  fi;
  is_inside = 0
}

// ---- The set ----

inline seize() {
  atomic {
    if
    :: owner[0] != NOBODY -> cache[owner[0]] = NOBODY
    :: else
    fi;
    if
    :: owner[1] != NOBODY -> cache[owner[1]] = NOBODY
    :: else
    fi
  }
  seize_one(0);
  seize_one(1)
}
inline seize_one(i) {
  atomic {
    owner[i] == NOBODY || owner[i] == me || doing[owner[i]] != INSIDE ->
    is_still[i] = (owner[i] == NOBODY -> 1 : doing[owner[i]] != STOPPED)
  }
}

inline release() {
  atomic {
    release_one(0);
    release_one(1)
  }
}
inline release_one(i) {
  if
  :: owner[i] == NOBODY || (forking != NOBODY && owner[i] != forking)
  :: else -> cache[owner[i]] = i
  fi
}

// Until it is true, for which it waits where a false one would be followed by another try.
inline before_fork() {
  do
  :: is_held_by_this_thread(SET) -> mode = WITHIN; break
  :: !is_held_by_this_thread(SET) && is_held_for_fork(SET) -> mode = NESTED; break
  :: !is_held_by_this_thread(SET) && !is_held_for_fork(SET) ->
    atomic {
      if
      :: owner_[SET] == 0 -> owner_[SET] = this_thread
#ifndef BROKEN_WAIT_INSIDE
      :: owner_[SET] != 0 && is_held_by_this_thread(HEAP) -> mode = UNLOCKED; break
#endif
      fi
    };
    own = cache[me];
    seize();
    atomic { cache[me] = own; own = NOBODY };
    forking = me;
    hold_for_fork(SET);
    mode = LOCKED;
    break
  od;
  atomic { forks[me] = forks[me] << 2 | mode; mode = 0 }
}

inline end_fork() {
  atomic { mode = forks[me] & 3; forks[me] = forks[me] >> 2 }
}

inline after_fork_in_parent() {
  end_fork();
  if
  :: mode == LOCKED ->
    forking = NOBODY;
    release();
    unlock_in_parent(SET)
  :: else
  fi;
  mode = 0
}

inline abandon_one(i) {
  if
  :: owner[i] == NOBODY || owner[i] == me
  :: else -> doing[owner[i]] = STOPPED; is_lost[i] = 1; owner[i] = NOBODY
  fi
}
inline inherit_one(i) {
  if
  :: owner[i] == me -> cache[me] = i
  :: else ->
    if
#ifdef BROKEN_ALL_WHOLE
    :: 1
#else
    :: mode != UNLOCKED && is_still[i] && !is_lost[i]
#endif
    :: else -> at_work[i] = NOBODY; is_lost[i] = 0  // begin()
    fi;
    owner[i] = NOBODY
  fi
}
inline after_fork_in_child() {
  end_fork();
  if
  :: mode == WITHIN ->
    atomic { abandon_one(0); abandon_one(1) }
  :: else ->
    atomic { inherit_one(0); inherit_one(1) };
    forking = NOBODY;
    reset_in_child(SET)
  fi;
  mode = 0
}

// ---- fork ----

inline prepare() {
#ifndef BROKEN_NO_STOP
  atomic {  // the seat's own thread interrupts nobody here
    if
    :: stops[me] == 0 && doing[me] == INSIDE -> was_inside[me] = 1; doing[me] = STOPPED
    :: else
    fi;
    stops[me]++
  };
#endif
  do
  ::
    atomic { is_held_by_this_thread(SET) || is_held_for_fork(SET) || owner_[SET] == 0 || is_held_by_this_thread(HEAP) };
    before_fork();
    if
    :: is_held_by_this_thread(HEAP) || is_held_for_fork(HEAP) ->
      rests = forks_inside_[HEAP];
      atomic { forks_inside_[HEAP] = rests + 1; rests = 0 };
      break
    :: !is_held_by_this_thread(HEAP) && !is_held_for_fork(HEAP) ->
      if
      :: atomic { owner_[HEAP] == 0 -> owner_[HEAP] = this_thread }
      :: owner_[HEAP] != 0 -> goto again
      fi
    fi;
    hold_for_fork(HEAP);
    break;
again:
    mask();
    after_fork_in_parent();
    unmask();
    owner_[HEAP] == 0
  od
}

inline go_on() {
#ifndef BROKEN_NO_STOP
  atomic {
    stops[me]--;
    if
    :: stops[me] == 0 && was_inside[me] -> was_inside[me] = 0; doing[me] = INSIDE
    :: else
    fi
  }
#else
  skip
#endif
}

inline fork() {
  prepare();
  if
  :: !is_held_by_this_thread(HEAP) -> use_heap()  // another handler of pthread_atfork
  :: skip
  fi;
  assert(in_heap == NOBODY || in_heap == me);
  mask();
  if
  ::
    unlock_in_parent(HEAP);
    after_fork_in_parent()
  ::
    child_of = me;
#ifndef BROKEN_HEAP_KEPT
    reset_in_child(HEAP);
#endif
    after_fork_in_child();
    assert(owner_[HEAP] != at_fork && owner_[SET] != at_fork)
  fi;
  go_on();
  unmask()
}

// ---- What threads do ----

inline use_heap() {
  lock(HEAP);
  atomic { assert(in_heap == NOBODY); in_heap = me };
  in_heap = NOBODY;
  unlock(HEAP)
}

inline visit() {
  doing[me] = INSIDE;
  atomic {
    own = cache[me];
    if
    :: own != NOBODY -> assert(at_work[own] == NOBODY); at_work[own] = me
    :: else
    fi
  };
  atomic {
    if
    :: own != NOBODY -> at_work[own] = NOBODY; own = NOBODY
    :: else
    fi
  };
  doing[me] = OUTSIDE
}

inline claim() {
  lock(SET);
  atomic {
    if
    :: cache[me] == NOBODY && owner[0] == NOBODY && !is_lost[0] -> owner[0] = me; cache[me] = 0
    :: cache[me] == NOBODY && owner[1] == NOBODY && !is_lost[1] -> owner[1] = me; cache[me] = 1
    :: else
    fi
  };
  unlock(SET)
}

// Looks into all caches, and into the heap.
inline look_into_all() {
  lock(SET);
  seize();
  atomic {
    assert(!is_still[0] || is_lost[0] || at_work[0] == NOBODY);
    assert(!is_still[1] || is_lost[1] || at_work[1] == NOBODY)
  };
  use_heap();
  release();
  unlock(SET)
}

inline work() {
  if
  :: visit()
  :: claim()
  :: use_heap()
  :: look_into_all()
  :: 1 -> fork()
  fi
}

active proctype thread() provided (!in_handler && child_of != OTHER) {
  byte me = MINE;
  byte own = NOBODY, mode, rests;
  bit is_inside;
  do
  :: work()
  od
}

active proctype other_thread() provided (child_of != MINE) {
  byte me = OTHER;
  byte own = NOBODY, mode, rests;
  bit is_inside;
  do
  :: work()
  od
}

active proctype handler() provided (child_of != OTHER) {
  byte me = MINE;
  byte own = NOBODY, mode, rests;
  bit is_inside;
end:
  do
  ::
    atomic { signals != 0 && masked == 0 -> signals--; in_handler = 1 };
    fork();
    in_handler = 0
  od
}
