// SPDX-License-Identifier: MIT OR Apache-2.0
// Heaps on a page source that gives and takes, and blocks that no pool has room for.
#include "threads/stress.hpp"

#include "threads/heaps_hosted.hpp"

TEST_CASE_TEMPLATE("small blocks wander between four threads", Heap,
                   threads::Own<threads::Restless>, threads::Own<threads::Greedless>) {
  threads::let_wander<Heap>(4, 9);
}

TEST_CASE_TEMPLATE("blocks of all sizes wander between four threads", Heap,
                   threads::Own<threads::Restless>, threads::Own<threads::Scarce>,
                   threads::Own<threads::Greedless>) {
  threads::let_wander<Heap>(4, 18);
}

TEST_CASE_TEMPLATE("large blocks wander between two threads", Heap, threads::Built,
                   threads::Own<threads::Restless>, threads::Own<threads::Scarce>,
                   threads::Own<threads::Greedless>) {
  threads::let_wander<Heap>(2, 23);
}

TEST_CASE_TEMPLATE("one thread allocates what another one frees", Heap,
                   threads::Own<threads::Restless>) {
  threads::pass_on<Heap>();
}

TEST_CASE_TEMPLATE("four-byte blocks of two threads share spans", Heap,
                   threads::Own<threads::Restless>) {
  threads::share_spans<Heap>();
}

TEST_CASE_TEMPLATE("blocks outlive the threads that allocated them", Heap,
                   threads::Own<threads::Restless>) {
  threads::outlive<Heap>();
}
