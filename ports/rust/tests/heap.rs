// SPDX-License-Identifier: MIT OR Apache-2.0
//! The heap as the global allocator of a program with the standard library.
use std::alloc::{GlobalAlloc, Layout};
use std::collections::BTreeMap;

#[global_allocator]
static HEAP: rsbmalloc::Rsbmalloc = rsbmalloc::Rsbmalloc;

#[test]
fn collections_live_in_the_heap() {
    let numbers: Vec<u64> = (0..100_000).collect();
    let names: BTreeMap<usize, String> = (0..1000).map(|i| (i, i.to_string())).collect();
    assert!(rsbmalloc::stats().live_bytes >= 800_000);
    assert_eq!(numbers.iter().sum::<u64>(), 4_999_950_000);
    assert_eq!(names[&999], "999");
    assert_eq!(rsbmalloc::check(), Ok(()));
}

#[test]
fn a_layout_is_met_as_it_is() {
    for size in [1, 4, 12, 100, 1000, 16_384, 16_385, 1_000_000] {
        for shift in 0..17 {
            let layout = Layout::from_size_align(size, 1 << shift).unwrap();
            unsafe {
                let block = HEAP.alloc_zeroed(layout);
                assert!(!block.is_null() && block as usize % layout.align() == 0, "{layout:?}");
                assert!((0..size).all(|i| *block.add(i) == 0), "{layout:?}");
                block.write_bytes(0x5a, size);
                let larger = HEAP.realloc(block, layout, 2 * size);
                assert!(!larger.is_null() && larger as usize % layout.align() == 0, "{layout:?}");
                assert!((0..size).all(|i| *larger.add(i) == 0x5a), "{layout:?}");
                HEAP.dealloc(larger, Layout::from_size_align(2 * size, 1 << shift).unwrap());
            }
        }
    }
}

#[test]
fn threads_share_it() {
    let threads: Vec<_> = (0..8)
        .map(|seed| {
            std::thread::spawn(move || {
                let mut blocks = Vec::new();
                for i in 0..10_000usize {
                    blocks.push(vec![seed as u8; i % 500]);
                    if i % 3 == 0 {
                        blocks.swap_remove(i / 3 % blocks.len());
                    }
                }
                blocks.into_iter().all(|block| block.iter().all(|&byte| byte == seed as u8))
            })
        })
        .collect();
    assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
    assert_eq!(rsbmalloc::check(), Ok(()));
}

#[test]
fn handlers_have_functions_of_their_own() {
    let layout = Layout::new::<[u64; 4]>();
    let block = loop {
        // Null while another test's thread is inside the heap.
        let block = rsbmalloc::alloc_nowait(layout);
        if !block.is_null() {
            break block;
        }
    };
    assert_eq!(block as usize % layout.align(), 0);
    unsafe { rsbmalloc::dealloc_nowait(block) };
}

#[test]
fn statistics_are_those_of_the_header() {
    let header = include_str!("../../../core/include/rsb/rsb.h");
    let (_, from) = header.split_once("typedef struct rsb_stats {").unwrap();
    let (fields, _) = from.split_once("} rsb_stats;").unwrap();
    let theirs: Vec<&str> = fields
        .split("size_t ")
        .skip(1)
        .map(|field| field.split(';').next().unwrap())
        .collect();
    let said = format!("{:?}", rsbmalloc::Stats::default());
    let ours: Vec<&str> = said
        .trim_start_matches("Stats { ")
        .split(", ")
        .map(|field| field.split(':').next().unwrap())
        .collect();
    assert_eq!(ours, theirs);
}
