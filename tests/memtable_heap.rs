//! What a memtable says that it holds, against what it has really taken from the heap; and
//! what it takes to make one that follows a full one.

#[path = "common/heap.rs"]
mod heap;

use mountdb::memtable::{Arena, Families, FamilyId, Memtable, Settings};
use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr::NonNull;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Memory that is not counted, and given back at the end.
struct Uncounted {
    blocks: Mutex<Vec<(NonNull<u8>, Layout)>>,
    bytes: AtomicUsize,
}

// SAFETY: the blocks are only kept to be freed.
unsafe impl Send for Uncounted {}
// SAFETY: behind a mutex.
unsafe impl Sync for Uncounted {}

impl Uncounted {
    /// With room in the list, so that it does not grow on the heap while others count.
    fn new() -> &'static Uncounted {
        Box::leak(Box::new(Uncounted {
            blocks: Mutex::new(Vec::with_capacity(1 << 20)),
            bytes: AtomicUsize::new(0),
        }))
    }
}

impl Arena for &'static Uncounted {
    fn allocate(&self, bytes: usize) -> NonNull<u8> {
        let layout = Layout::from_size_align(bytes, 16).expect("a layout");
        // SAFETY: no layout of the memtable is empty.
        let block = NonNull::new(unsafe { System.alloc(layout) }).expect("memory");
        self.blocks.lock().expect("blocks").push((block, layout));
        self.bytes.fetch_add(bytes, Relaxed);
        block
    }
}

impl Uncounted {
    fn free(&self) {
        for (block, layout) in self.blocks.lock().expect("blocks").drain(..) {
            // SAFETY: from `allocate`, with this layout; nothing uses it any more.
            unsafe { System.dealloc(block.as_ptr(), layout) };
        }
    }
}

/// An entry as RocksDB encodes it.
fn entry(arena: &&'static Uncounted, user: &[u8], sequence: u64) -> *const u8 {
    let tag = (sequence << 8 | 1).to_le_bytes();
    let length = [(user.len() + tag.len()) as u8];
    let encoded = [&length[..], user, &tag, &[0]].concat();
    let memory = arena.allocate(encoded.len());
    // SAFETY: fresh memory of that length.
    unsafe { memory.copy_from_nonoverlapping(NonNull::from(&encoded[..]).cast(), encoded.len()) };
    memory.as_ptr()
}

fn scramble(i: u64) -> u64 {
    let x = (i ^ i >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    (x ^ x >> 27).wrapping_mul(0x94d0_49bb_1331_11eb)
}

#[test]
fn what_is_held_is_what_is_said() {
    let families = Families::new();
    let id = FamilyId {
        database: 1,
        family: 0,
    };
    let kinds: [fn(u64) -> Vec<u8>; 4] = [
        |i| scramble(i).to_be_bytes().to_vec(),
        |i| i.to_be_bytes().to_vec(),
        |i| format!("user{}", scramble(i)).into_bytes(),
        |i| format!("/srv/data/tenant-{}/file_{}", i % 7, scramble(i)).into_bytes(),
    ];
    for (kind, key) in kinds.iter().enumerate() {
        let (leaves, entries) = (Uncounted::new(), Uncounted::new());
        let held = heap::held();
        let memtable = Memtable::new(Box::new(leaves), Settings::default(), &families, id);
        for i in 0..200_000 {
            // SAFETY: entries outlive the memtable, and nobody else inserts.
            assert!(unsafe { memtable.insert(entry(&entries, &key(i), i + 1)) });
            if i > 0 && i % 20_000 == 0 || i == 199_999 {
                let arena = leaves.bytes.load(Relaxed);
                let real = arena as f64 + (heap::held() - held) as f64;
                let said = (arena + memtable.memory_usage()) as f64;
                let off = said / real - 1.0;
                println!("{kind}: {i}: {off:+.3} of {real}");
                assert!(off.abs() <= 0.05, "{kind}: {i}: {off:+.3}");
            }
        }
        // RocksDB makes the next one while this one is there. So little is done for it that
        // it takes microseconds.
        let (next, made) =
            heap::taken(|| Memtable::new(Box::new(leaves), Settings::default(), &families, id));
        assert!(next.started_from_skeleton());
        println!(
            "{kind}: the next one takes {} bytes in {} pieces",
            made.held, made.calls
        );
        assert!(made.held < 16 << 10 && made.calls < 30, "{made:?}");
        drop((memtable, next));
        leaves.free();
        entries.free();
    }
}
