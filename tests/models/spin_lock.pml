/* SPDX-License-Identifier: MIT OR Apache-2.0 */
// The spinlock, alone and with interrupts masked, as a model for SPIN: on each of two CPUs a thread takes
// the lock again and again, with interrupts let in, or masked by somebody before; on the first CPU so does a
// handler that interrupts the thread anywhere, and an NMI, which nothing masks and which interrupts both,
// asks for it without waiting.
//
// Found: never two have the lock; who gets it sees what the last holder has stored; interrupts are masked
// exactly while it is held, and as before while it is waited for and afterwards; nobody waits for ever for a
// lock that nobody gives up (an invalid end state), and somebody gets it again and again (progress).
//
// Stores are late: each CPU has a buffer, out of which what lies in it goes in any order, except that the
// store of unlock() is the last (a release). Left out:
// - Loads are not early. (That lock() acquires is therefore not in the model.)
// - Back-off, which is but time: who sees the lock taken goes on when it is seen free.
// - More than one thread on a CPU.
// - Who gets the lock next: it is not fair.
//
// With -DSPIN who waits looks again and again, else as soon as it is worth it. Progress is not promised while
// interrupts come without end: without -DNO_NMI, or -DNO_HANDLERS where those are not masked.
//
// With -DPLAIN, BasicSpinLock: interrupts are not masked, and so handlers ask for it without waiting.
//
// mirrors core/include/rsb: BackOff::pause bbb86457e627
// mirrors core/include/rsb: BasicSpinLock::lock f70956d95f27
// mirrors core/include/rsb: BasicSpinLock::try_lock f747dd3abd71
// mirrors core/include/rsb: BasicSpinLock::unlock 0de7483596ac
// mirrors core/include/rsb: BasicSpinLock::is_taken 71d83ade9372
// mirrors core/include/rsb: BasicSpinLock::wait 5c8a2484c333
// mirrors core/include/rsb: MaskingLock::lock f70956d95f27
// mirrors core/include/rsb: MaskingLock::try_lock 0645fab92e75
// mirrors core/include/rsb: MaskingLock::unlock b027157787b0
// mirrors core/include/rsb: MaskingLock::wait f176186f07d2
//
// run:                                holds, 699,936 states
// run: -DPLAIN                        holds, 19,950 states
// run: -DNO_NMI -DSPIN progress      holds, 132,276 states
// run: -DPLAIN -DNO_HANDLERS -DSPIN progress  holds, 980 states
// run: -DBROKEN_TEST_THEN_SET         assertion
// run: -DBROKEN_RELAXED_UNLOCK        assertion
// run: -DPLAIN -DBROKEN_RELAXED_UNLOCK  assertion
// run: -DPLAIN -DBROKEN_LOST_UNLOCK   deadlock
// run: -DPLAIN -DBROKEN_WAIT_IN_HANDLER  deadlock
// run: -DBROKEN_WAIT_IN_NMI           deadlock
// run: -DBROKEN_NO_MASK               deadlock
// run: -DBROKEN_NO_RESTORE            assertion
// run: -DBROKEN_BEFORE_STORED_EARLY   assertion
// run: -DBROKEN_BEFORE_READ_LATE      assertion
// run: -DBROKEN_RESTORE_FIRST         deadlock
// run: -DNO_NMI -DSPIN -DBROKEN_NO_MASK progress  no progress

#define CPUS 2

// What runs on a CPU.
#define THREAD 0
#define HANDLER 1
#define NMI 2
byte level[CPUS];
bit masked[CPUS];

// The lock, and what waits in a CPU's buffer to be stored.
bit taken;
bit unlock_waits[CPUS];
bit before_;  // InterruptSpinLock's

// What the lock guards. `latest` is what the last holder has stored; `holders`, how many there are.
bit data;
bit data_waits[CPUS];
bit data_stored[CPUS];
bit latest;
byte holders;

#ifdef PLAIN
#define masks 0
#else
#define masks 1
#endif
#if defined(NO_HANDLERS)
#define NO_NMI
#define buffers_from CPUS
#elif defined(NO_NMI)
#define buffers_from (CPUS + 1)
#else
#define buffers_from (CPUS + 2)
#endif

#define sees_taken (taken && !unlock_waits[cpu])

// An exchange of a word is made in memory, and so behind this CPU's own store to that word.
inline basic_try_lock() {
  atomic {
    !unlock_waits[cpu];
    got = !taken;
    taken = 1
  }
}

inline basic_unlock() {
  unlock_waits[cpu] = 1
}

#ifdef PLAIN

inline try_lock() {
  basic_try_lock()
}
inline unlock() {
  basic_unlock()
}

#else

inline try_lock() {
#ifdef BROKEN_NO_MASK
  before = masked[cpu];
#else
  atomic { before = masked[cpu]; masked[cpu] = 1 }
#endif
#ifdef BROKEN_BEFORE_STORED_EARLY
  before_ = before;
#endif
  basic_try_lock();
  if
  :: got -> before_ = before
#ifdef BROKEN_NO_RESTORE
  :: else
#else
  :: else -> masked[cpu] = before
#endif
  fi
}

inline unlock() {
#if defined(BROKEN_BEFORE_READ_LATE)
  basic_unlock();
  atomic { before = before_; masked[cpu] = before }
#elif defined(BROKEN_RESTORE_FIRST)
  masked[cpu] = before_;
  basic_unlock()
#else
  before = before_;
  basic_unlock();
  masked[cpu] = before
#endif
}

#endif

inline wait_until_free() {
#ifdef SPIN
  do
  :: sees_taken
  :: else -> break
  od
#else
  !sees_taken
#endif
}

inline lock() {
#ifdef BROKEN_TEST_THEN_SET
#ifndef PLAIN
  atomic { before = masked[cpu]; masked[cpu] = 1 }
#endif
  wait_until_free();
  taken = 1;
  before_ = before
#else
  try_lock();
  do
  :: got -> break
  :: else ->
    assert(masked[cpu] == outside);
    wait_until_free();
    try_lock()
  od
#endif
}

// Of the holder: reads what the last one has stored, and stores something else.
inline work() {
  atomic {
    assert(holders == 0);
    holders++;
    assert(masked[cpu] == masks)
  }
  if
  :: data_waits[cpu] -> assert(data_stored[cpu] == latest)
  :: else -> assert(data == latest)
  fi;
  atomic {
    latest = !latest;
    data_stored[cpu] = latest;
    data_waits[cpu] = 1;
    holders--
  }
}

inline use() {
  lock();
progress:
  work();
  unlock();
  assert(masked[cpu] == outside)
}

inline use_if_free() {
  try_lock();
  if
  :: got -> work();
#ifndef BROKEN_LOST_UNLOCK
    unlock()
#endif
  :: else
  fi;
  assert(masked[cpu] == outside)
}

active [CPUS] proctype thread() provided (level[_pid] == THREAD) {
  byte cpu = _pid;
  bit got, before, outside;
  do
  ::
#ifndef PLAIN
    if
    :: outside = 0
    :: outside = 1
    fi;
    masked[cpu] = outside;
#endif
    use();
    atomic { masked[cpu] = 0; outside = 0; got = 0; before = 0 }
  od
}

#ifndef NO_HANDLERS
active proctype handler() provided (level[0] != NMI) {
  byte cpu = 0;
  bit got, before, outside = masks;
end:
  do
  ::
    atomic { level[cpu] == THREAD && !masked[cpu] -> level[cpu] = HANDLER; masked[cpu] = masks };
#if defined(PLAIN) && !defined(BROKEN_WAIT_IN_HANDLER)
    use_if_free();
#else
    use();
#endif
    atomic { masked[cpu] = 0; level[cpu] = THREAD; got = 0; before = 0 }
  od
}
#endif

#ifndef NO_NMI
active proctype nmi() {
  byte cpu = 0;
  byte interrupted;
  bit got, before, outside;
end:
  do
  ::
    atomic { interrupted = level[cpu]; outside = masked[cpu]; level[cpu] = NMI };
#ifdef BROKEN_WAIT_IN_NMI
    use();
#else
    use_if_free();
#endif
    atomic { level[cpu] = interrupted; interrupted = 0; outside = 0; got = 0; before = 0 }
  od
}
#endif

// Stores, from a buffer to memory.
active [CPUS] proctype buffer() {
  byte cpu = _pid - buffers_from;
end:
  do
  :: atomic { data_waits[cpu] -> data = data_stored[cpu]; data_waits[cpu] = 0; data_stored[cpu] = 0 }
#ifdef BROKEN_RELAXED_UNLOCK
  :: atomic { unlock_waits[cpu] -> taken = 0; unlock_waits[cpu] = 0 }
#else
  :: atomic { unlock_waits[cpu] && !data_waits[cpu] -> taken = 0; unlock_waits[cpu] = 0 }
#endif
  od
}
