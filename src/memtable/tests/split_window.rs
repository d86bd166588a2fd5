//! What readers see in the middle of a split: the new leaf is linked, the old one still has
//! everything. A writer may rest there for as long as it likes.

use super::super::leaf::{Leaf, Reach, SLOTS};
use super::super::skeleton::{Families, FamilyId};
use super::super::table::{Memtable, Settings};
use super::arena::{Bump, decode, encode, internal};
use super::leaves;

const FAMILY: FamilyId = FamilyId {
    database: 1,
    family: 0,
};

/// Keys for three leaves: the first has only the lowest, the last only the highest. Those of
/// the second share more with one another up to "ab" than behind.
fn keys() -> Vec<Vec<u8>> {
    let lowest = b"0".to_vec();
    let below = (1..SLOTS / 2).map(|i| format!("aa{i:04}").into_bytes());
    let shares = (SLOTS / 2..SLOTS - 4).map(|i| format!("ab{i:04}").into_bytes());
    let differs = (SLOTS - 4..SLOTS - 1).map(|i| format!("b0{i:04}").into_bytes());
    let highest = b"c".to_vec();
    [lowest]
        .into_iter()
        .chain(below)
        .chain(shares)
        .chain(differs)
        .chain([highest])
        .collect()
}

/// Splits `leaf` at `fence`; calls `look` in the middle of it.
fn split(table: &Memtable, leaf: &Leaf, fence: &'static [u8], look: impl FnOnce()) {
    let moved = (0..SLOTS)
        .filter(|slot| leaf.occupied() >> slot & 1 == 1)
        .filter(|&slot| leaf.entry(slot).key().user >= fence)
        .fold(0, |bits, slot| bits | 1 << slot);
    let high = leaf.next().map(|next| next.low().key().user);
    let right = leaves::new(table, fence, high);
    leaf.split(right, moved, Reach::NONE, look);
    right.unlock();
}

/// Calls `look` in the middle of splits of a memtable's second leaf, with all keys in order.
fn in_a_split(look: impl Fn(&Memtable, &[Vec<u8>])) {
    in_a_split_at(b"ab", &look);
    // In the new leaf keys have other places than in the old one.
    in_a_split_at(b"b0", &look);
}

fn in_a_split_at(fence: &'static [u8], look: &impl Fn(&Memtable, &[Vec<u8>])) {
    let arena = Bump::default();
    let families = Families::new();
    let table = Memtable::new(
        Box::new(arena.clone()),
        Settings::default(),
        &families,
        FAMILY,
    );
    let keys = keys();
    for (i, key) in keys.iter().enumerate() {
        let entry = encode(&arena, key, i as u64 + 1);
        // SAFETY: the arena outlives the memtable.
        assert!(unsafe { table.insert(entry.as_ptr()) });
    }
    let head = table.head().unwrap();
    split(&table, head, b"c", || ());
    split(&table, head, b"aa", || ());
    let second = head.next().unwrap();
    split(&table, second, fence, || look(&table, &keys));
}

fn all_forward(table: &Memtable) -> Vec<Vec<u8>> {
    let mut iter = table.iter();
    iter.check_reads();
    iter.seek_to_first();
    std::iter::from_fn(|| {
        let entry = iter.entry()?;
        assert!(iter.is_sound());
        iter.next();
        // SAFETY: the arena outlives the memtable.
        Some(unsafe { decode(entry) }.0.to_vec())
    })
    .take(3 * SLOTS)
    .collect()
}

#[test]
fn forward_each_entry_once_and_in_order() {
    in_a_split(|table, keys| assert_eq!(all_forward(table), keys));
}

#[test]
fn backward_each_entry_once_and_in_order() {
    in_a_split(|table, keys| {
        let mut iter = table.iter();
        iter.seek_to_last();
        for key in keys.iter().rev() {
            // SAFETY: the arena outlives the memtable.
            assert_eq!(unsafe { decode(iter.entry().unwrap()) }.0, key);
            iter.prev();
        }
        assert_eq!(iter.entry(), None);
    });
}

#[test]
fn seeks_and_finds() {
    in_a_split(|table, keys| {
        for (i, key) in keys.iter().enumerate() {
            let target = internal(key, 1 << 40);
            // SAFETY: the arena outlives the memtable.
            let user = |entry| unsafe { decode(entry) }.0;
            assert_eq!(table.find(&target).map(user), Some(&key[..]));
            let mut iter = table.iter();
            iter.seek(&target);
            assert_eq!(iter.entry().map(user), Some(&key[..]));
            iter.next();
            assert_eq!(iter.entry().map(user), keys.get(i + 1).map(|k| &k[..]));
            let before = i.checked_sub(1).map(|before| &keys[before][..]);
            iter.seek(&target);
            iter.prev();
            assert_eq!(iter.entry().map(user), before);
            iter.seek_for_prev(&target);
            assert_eq!(iter.entry().map(user), before);
        }
    });
}
