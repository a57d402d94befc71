// SPDX-License-Identifier: MIT OR Apache-2.0
// The built heap, and a pool.
#include "threads/stress.hpp"

#include "threads/heaps.hpp"

TEST_CASE_TEMPLATE("small blocks wander between four threads", Heap, threads::Built,
                   threads::Own<threads::Pool>) {
  threads::let_wander<Heap>(4, 9);
}

TEST_CASE_TEMPLATE("blocks of all sizes wander between four threads", Heap, threads::Built,
                   threads::Own<threads::Pool>) {
  threads::let_wander<Heap>(4, 18);
}

TEST_CASE_TEMPLATE("one thread allocates what another one frees", Heap, threads::Built,
                   threads::Own<threads::Pool>) {
  threads::pass_on<Heap>();
}

TEST_CASE_TEMPLATE("four-byte blocks of two threads share spans", Heap, threads::Built,
                   threads::Own<threads::Pool>) {
  threads::share_spans<Heap>();
}

TEST_CASE_TEMPLATE("blocks outlive the threads that allocated them", Heap, threads::Built,
                   threads::Own<threads::Pool>) {
  threads::outlive<Heap>();
}
