/* SPDX-License-Identifier: MIT OR Apache-2.0 */
// The order of locks around fork (platform/posix/fork.cpp), as a model for SPIN: two threads fork, and each of
// the others does again and again what makes it wait for one lock while it holds another.
//
// Found: there is no circle of threads that wait for each other (it would be an invalid end state), and nobody
// else is at work on the heap while the process is copied. Orders that are known to be wrong are found out:
//   -DPREPARE_FIRST        our handler runs before that of a library
//   -DHEAP_BEFORE_STREAMS  the heap's lock is taken, and stdio's list left to the C library
//   -DNO_REGISTRATION      others may be registering handlers meanwhile
//
// With -DIN_HANDLER there are only threads that fork, one of them in a signal handler that interrupted it inside
// the heap. (What others do there, hangs with glibc's malloc, too.) Then it would be wrong
//   -DWAIT_WITH_STREAMS    to hold stdio's list until the heap's lock can be had
//
// Left out: what the locks are like, and where a handler may come (fork_in_handler.pml); time.
//
// mirrors platform/posix: prepare d34fa8049143
// mirrors platform/posix: go_on_in_parent c3379a3326e4
// mirrors platform/posix: go_on_in_child 5535446c39cf
// mirrors platform/posix: lock_others 9cb824f5b5c7
// mirrors platform/posix: unlock_others_in_parent 88873297e37a
// mirrors platform/posix: reset_others_in_child 5dac4b267ba3
// mirrors platform/posix: AtFork::lock 459c607f9825
// mirrors platform/posix: rsb_register_atfork 5760aaf5999f
// mirrors platform/posix: register_ours ae24d385f9c7
//
// run:                                 holds, 14,546 states
// run: -DIN_HANDLER                    holds, 414 states
// run: -DPREPARE_FIRST                 deadlock
// run: -DHEAP_BEFORE_STREAMS           deadlock
// run: -DNO_REGISTRATION               deadlock
// run: -DIN_HANDLER -DWAIT_WITH_STREAMS  deadlock

// 0: free. Else the number of whoever holds it; those of the forking threads are 1 and 2.
byte mutex, streams, stream, registration, handlers, caches, heap;

// stdio's list, and the heap's lock while a process forks, may be taken again by who holds them.
byte streams_depth;

inline lock(l, me) {
  atomic { l == 0 -> l = me }
}
inline unlock(l) {
  l = 0
}
inline lock_streams(me) {
  atomic { (streams == 0 || streams == me) -> streams = me; streams_depth++ }
}
inline unlock_streams() {
  atomic { streams_depth--; if :: streams_depth == 0 -> streams = 0 :: else fi }
}

inline allocate(me) {
  if
  :: skip  // from the thread's cache
  :: lock(heap, me); unlock(heap)
  :: lock(caches, me); lock(heap, me); unlock(heap); unlock(caches)  // the caches are emptied
  fi
}

inline our_prepare(me) {
#if defined(IN_HANDLER) && !defined(WAIT_WITH_STREAMS)
  do
  ::
    lock_streams(me);
    if
    :: atomic { caches == 0 && heap == 0 -> caches = me; heap = me }; break
    :: caches != 0 || heap != 0 -> unlock_streams()
    fi
  od
#else
#ifndef HEAP_BEFORE_STREAMS
  lock_streams(me);
#endif
#if !defined(NO_REGISTRATION) && !defined(IN_HANDLER)
  lock(registration, me);
#endif
  lock(caches, me);
  lock(heap, me)
#endif
}

inline our_parent() {
  unlock(heap);
  unlock(caches);
#if !defined(NO_REGISTRATION) && !defined(IN_HANDLER)
  unlock(registration);
#endif
#ifndef HEAP_BEFORE_STREAMS
  unlock_streams();
#endif
}

// glibc from 2.36 on: the list of handlers is not locked while one of them runs.
active [2] proctype fork() {
  byte me = _pid + 1;
  do
  ::
    lock(handlers, me);
    unlock(handlers);
#ifdef PREPARE_FIRST
    our_prepare(me);
    lock(handlers, me);
    unlock(handlers);
    lock(mutex, me);
#else
    lock(mutex, me);
    lock(handlers, me);
    unlock(handlers);
    our_prepare(me);
#endif
    lock(handlers, me);
    lock_streams(me);

    // Here the process is copied: nobody else may be at work on the heap.
    assert(heap == me && caches == me);

    unlock_streams();
    unlock(handlers);
#ifdef PREPARE_FIRST
    unlock(mutex);
    lock(handlers, me);
    unlock(handlers);
    our_parent();
#else
    our_parent();
    lock(handlers, me);
    unlock(handlers);
    unlock(mutex);
#endif
  od
}

#ifdef IN_HANDLER

active proctype fork_in_handler() {
  do
  ::
    lock(heap, 3);
    lock_streams(3);  // ours
    lock(handlers, 3);
    lock_streams(3);  // glibc's
    assert(heap == 3);
    unlock_streams();
    unlock(handlers);
    unlock_streams();
    unlock(heap)
  od
}

#else

// A thread of a library, or of the program: its mutex is what its prepare handler waits for.
active proctype allocate_under_mutex() {
  do
  :: lock(mutex, 3); allocate(3); unlock(mutex)
  od
}

active proctype read_lines() {
  do
  :: lock(stream, 4); allocate(4); unlock(stream)
  od
}

active proctype flush_all_streams() {
  do
  :: lock_streams(5); lock(stream, 5); unlock(stream); unlock_streams()
  od
}

// With the mutex held or not, as library's constructors do.
active proctype register_handlers() {
  bool has_mutex;
  do
  ::
    if
    :: lock(mutex, 6); has_mutex = true
    :: skip
    fi;
#ifndef NO_REGISTRATION
    lock(registration, 6);
#endif
    lock(handlers, 6); allocate(6); unlock(handlers);
#ifndef NO_REGISTRATION
    unlock(registration);
#endif
    if
    :: has_mutex -> unlock(mutex); has_mutex = false
    :: else
    fi
  od
}

#endif
