// SPDX-License-Identifier: MIT OR Apache-2.0
//! rsbmalloc as Rust's global allocator, with the standard library and without.
//!
//! Functions take a bounded number of steps besides those of the page source, may be called by any
//! number of threads, and not from a signal or interrupt handler that can interrupt another call:
//! for those there are [`alloc_nowait`] and [`dealloc_nowait`]. A misuse ends in `rsb_fault`, which
//! a program may define (`rsb/rsb.h` says what of it is expected); by default it says what happened
//! where there is a standard error stream, and ends the program.
#![no_std]

use core::alloc::{GlobalAlloc, Layout};

/// What `rsb_get_stats` tells; `rsb/rsb.h` says what of each.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    pub live_blocks: usize,
    pub live_bytes: usize,
    pub used_bytes: usize,
    pub peak_used_bytes: usize,
    pub free_bytes: usize,
    pub kept_bytes: usize,
    pub acquired_bytes: usize,
    pub peak_acquired_bytes: usize,
    pub metadata_bytes: usize,
    pub acquisitions: usize,
    pub releases: usize,
    pub failures: usize,
    pub bins: usize,
    pub longest_run_bytes: usize,
    pub largest_block_bytes: usize,
    pub deferred_blocks: usize,
    pub reserved_pages: usize,
    pub cached_blocks: usize,
    pub cached_bytes: usize,
    pub large_blocks: usize,
    pub large_bytes: usize,
}

extern "C" {
    fn rsb_allocate(size: usize, alignment: usize) -> *mut u8;
    fn rsb_allocate_zeroed(size: usize, alignment: usize) -> *mut u8;
    fn rsb_reallocate(block: *mut u8, size: usize, alignment: usize) -> *mut u8;
    fn rsb_deallocate(block: *mut u8, size: usize, alignment: usize);
    fn rsb_aligned_alloc_nowait(alignment: usize, size: usize) -> *mut u8;
    fn rsb_free_nowait(block: *mut u8);
    fn rsb_add_region(base: *mut u8, bytes: usize) -> usize;
    fn rsb_get_stats(stats: *mut Stats);
    fn rsb_check() -> *const u8;
    fn rsb_trim() -> usize;
}

/// The built heap. A layout costs what it asks for: one of 4 bytes, aligned to 4, takes 4.
///
/// ```no_run
/// #[global_allocator]
/// static HEAP: rsbmalloc::Rsbmalloc = rsbmalloc::Rsbmalloc;
/// ```
pub struct Rsbmalloc;

// SAFETY: blocks are at least as large and as aligned as asked for, null says that there are none,
// and nothing unwinds. What is given back is checked to be of this heap and of its layout.
unsafe impl GlobalAlloc for Rsbmalloc {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { rsb_allocate(layout.size(), layout.align()) }
    }
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unsafe { rsb_allocate_zeroed(layout.size(), layout.align()) }
    }
    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        unsafe { rsb_reallocate(block, size, layout.align()) }
    }
    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        unsafe { rsb_deallocate(block, layout.size(), layout.align()) }
    }
}

/// From an interrupt or signal handler: never waits; null also where the interrupted code was
/// inside the heap, or where nothing is at hand.
pub fn alloc_nowait(layout: Layout) -> *mut u8 {
    // SAFETY: takes any size, and a layout's alignment is a power of two.
    unsafe { rsb_aligned_alloc_nowait(layout.align(), layout.size()) }
}

/// From any handler: the block counts as live until another call takes it over.
///
/// # Safety
/// The block is live and of this heap, and nobody uses it any more.
pub unsafe fn dealloc_nowait(block: *mut u8) {
    unsafe { rsb_free_nowait(block) }
}

/// Hands memory to the heap, and returns how many bytes blocks can be had from; 0: too few, or
/// there is no memory to keep track of it.
///
/// # Safety
/// The memory is nobody else's from now on.
pub unsafe fn add_region(base: *mut u8, bytes: usize) -> usize {
    unsafe { rsb_add_region(base, bytes) }
}

/// Linear in the number of page runs, with the heap's lock held, as [`check`] and [`trim`] are.
pub fn stats() -> Stats {
    let mut stats = Stats::default();
    // SAFETY: tests/heap.rs compares the fields with the header's.
    unsafe { rsb_get_stats(&mut stats) };
    stats
}

/// Verifies every invariant of the heap; the error names one that does not hold.
pub fn check() -> Result<(), &'static str> {
    // SAFETY: null, or a string constant of ASCII.
    unsafe {
        let sentence = rsb_check();
        if sentence.is_null() {
            return Ok(());
        }
        // Volatile, or it becomes strlen(), which a program without a C library does not have.
        let bytes = (0..).take_while(|&i| sentence.add(i).read_volatile() != 0).count();
        let sentence = core::slice::from_raw_parts(sentence, bytes);
        Err(core::str::from_utf8_unchecked(sentence))
    }
}

/// Gives back what is free; returns how many bytes went back to the page source.
pub fn trim() -> usize {
    // SAFETY: has no requirements.
    unsafe { rsb_trim() }
}
