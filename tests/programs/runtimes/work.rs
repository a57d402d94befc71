// SPDX-License-Identifier: MIT OR Apache-2.0
// What Rust's containers, threads and channels ask of malloc, realloc and posix_memalign, and child
// processes meanwhile.
//
//   work ROUNDS    one line a round, always the same
use std::alloc::{alloc, alloc_zeroed, dealloc, realloc, Layout};
use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::process::Command;
use std::sync::mpsc::{channel, Receiver, Sender};
use std::thread;

const THREADS: u64 = 6;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 33
    }
    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    fn size(&mut self, least: u64, most: u64) -> usize {
        (1 << (least + self.below(most - least)) | self.below(1 << least)) as usize
    }
}

// What a thread sends to the next one, which drops it.
enum Parcel {
    Bytes(Vec<u8>),
    Words(Box<[u64]>),
    Text(String),
    Tree(BTreeMap<u64, String>),
}

fn parcel(choose: &mut Random) -> Parcel {
    match choose.below(4) {
        0 => Parcel::Bytes(vec![7; choose.size(0, if choose.0 % 64 == 0 { 21 } else { 12 })]),
        1 => Parcel::Words((0..choose.below(300)).collect()),
        2 => Parcel::Text((0..choose.below(40)).map(|n| n.to_string()).collect()),
        _ => Parcel::Tree((0..choose.below(60)).map(|n| (n * n % 61, n.to_string())).collect()),
    }
}

fn digest(parcel: &Parcel) -> u64 {
    let mut hasher = DefaultHasher::new();
    match parcel {
        Parcel::Bytes(bytes) => {
            assert!(bytes.iter().all(|&byte| byte == 7));
            bytes.len().hash(&mut hasher)
        }
        Parcel::Words(words) => words.hash(&mut hasher),
        Parcel::Text(text) => text.hash(&mut hasher),
        Parcel::Tree(tree) => tree.hash(&mut hasher),
    }
    hasher.finish()
}

// Alignments that malloc does not give by itself.
fn layouts(choose: &mut Random) -> u64 {
    let mut live: VecDeque<(*mut u8, Layout)> = VecDeque::new();
    let mut sum = 0u64;
    for i in 0..3000 {
        let layout = Layout::from_size_align(choose.size(0, 15), choose.size(0, 1) << choose.below(14)).unwrap();
        let block = unsafe { if i % 3 == 0 { alloc_zeroed(layout) } else { alloc(layout) } };
        assert!(!block.is_null() && block as usize % layout.align() == 0);
        if i % 3 == 0 {
            let bytes = unsafe { std::slice::from_raw_parts(block, layout.size()) };
            assert!(bytes.iter().all(|&byte| byte == 0));
        }
        unsafe { block.write_bytes(layout.size() as u8, layout.size()) };
        live.push_back((block, layout));
        if live.len() > 100 {
            let (block, layout) = live.pop_front().unwrap();
            let larger = layout.size() * 3;
            let grown = unsafe { realloc(block, layout, larger) };
            assert!(!grown.is_null() && grown as usize % layout.align() == 0);
            let bytes = unsafe { std::slice::from_raw_parts(grown, layout.size()) };
            assert!(bytes.iter().all(|&byte| byte == layout.size() as u8));
            unsafe { dealloc(grown, Layout::from_size_align(larger, layout.align()).unwrap()) };
            sum = sum.wrapping_mul(31).wrapping_add(larger as u64);
        }
    }
    for (block, layout) in live {
        unsafe { dealloc(block, layout) };
    }
    sum
}

fn ring_member(seed: u64, from: Receiver<Parcel>, to: Sender<Parcel>) -> u64 {
    let mut choose = Random(seed);
    let mut kept: HashMap<u64, Parcel, BuildHasherDefault<DefaultHasher>> = HashMap::default();
    let mut sum = 0u64;
    for _ in 0..10_000 {
        let made = parcel(&mut choose);
        sum = sum.wrapping_add(digest(&made));
        if let Some(old) = kept.insert(choose.below(2000), made) {
            to.send(old).unwrap();
        }
        while let Ok(other) = from.try_recv() {
            digest(&other);
        }
    }
    drop(to);
    drop(kept);
    for other in from {
        digest(&other);
    }
    sum.wrapping_add(layouts(&mut choose))
}

fn short_threads(seed: u64) -> u64 {
    (0..100)
        .map(|i| thread::spawn(move || digest(&parcel(&mut Random(seed + i)))).join().unwrap())
        .fold(0, u64::wrapping_add)
}

fn panics(seed: u64) -> u64 {
    let caught = std::panic::catch_unwind(|| {
        let held = parcel(&mut Random(seed));
        std::panic::resume_unwind(Box::new(digest(&held)));
    });
    *caught.unwrap_err().downcast::<u64>().unwrap()
}

fn child(seed: u64) -> u64 {
    // With a folder to change to, it is fork and exec instead of posix_spawn.
    let mut command = Command::new("/bin/echo");
    if seed % 2 == 0 {
        command.current_dir("/");
    }
    let output = command.arg(seed.to_string()).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().trim().parse().unwrap()
}

fn main() {
    let rounds: u64 = std::env::args().nth(1).unwrap().parse().unwrap();
    for round in 0..rounds {
        let (senders, receivers): (Vec<_>, Vec<_>) = (0..THREADS).map(|_| channel()).unzip();
        let threads: Vec<_> = receivers
            .into_iter()
            .enumerate()
            .map(|(i, from)| {
                let to = senders[(i + 1) % THREADS as usize].clone();
                thread::spawn(move || ring_member(1000 * round + i as u64, from, to))
            })
            .collect();
        drop(senders);
        let meanwhile: Vec<_> = (0..4).map(|i| child(4 * round + i)).collect();
        let short = short_threads(round);
        let sums: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        println!("{round}: {sums:x?}, children {meanwhile:?}, short {short:x}, panic {:x}", panics(round));
    }
}
