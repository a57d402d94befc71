// SPDX-License-Identifier: MIT OR Apache-2.0
// A library that registers fork handlers when it is loaded, before or after the allocator does.
#pragma once

#include <pthread.h>
#include <stdlib.h>

#include <atomic>

// Its prepare handler takes it, the others give it up.
extern pthread_mutex_t library_mutex;

// How often its handlers have run in this process.
extern std::atomic<int> library_handlers_run;

// What they call, in each of the three.
extern std::atomic<void (*)()> library_handler;
