//! What the index promises beyond right answers: sizes, bounds on work, and refusals.

use mountdb::index::{BlockHandle, Builder, LearnedIndex};
use mountdb::model::Directory;
use std::cell::Cell;

fn handle(offset: u64, size: u64) -> BlockHandle {
    BlockHandle { offset, size }
}

/// One block an entry.
fn build(entries: &[(Vec<u8>, u64)]) -> Vec<u8> {
    let mut builder = Builder::new();
    for (i, (key, tag)) in entries.iter().enumerate() {
        let next = entries.get(i + 1).map(|(key, tag)| (key.as_slice(), *tag));
        builder.add_block((key, *tag), next, handle(i as u64 * 105, 100));
    }
    let estimate = builder.estimated_size();
    let block = builder.finish().expect("sorted entries");
    let slack = 100 + entries.last().map_or(0, |(key, _)| key.len());
    assert!(
        block.len() <= 2 * estimate + slack,
        "estimated {estimate}, is {}",
        block.len()
    );
    block
}

fn open(block: &[u8]) -> LearnedIndex {
    LearnedIndex::parse(block, u64::MAX).expect("own block")
}

/// Eight bytes fit into a number, nine do not.
#[test]
fn cuts_of_nine_bytes() {
    let mut entries = Vec::new();
    for i in 0..200u8 {
        for last in [1u8, 9] {
            entries.push(([&[i, 0, 0, 0, 0, 0, 0, 0][..], &[last]].concat(), 1));
        }
    }
    let index = open(&build(&entries));
    for (i, (key, tag)) in entries.iter().enumerate() {
        assert_eq!(index.seek(key, *tag), i);
    }
}

#[test]
fn tags_are_reported() {
    let version = |tag| (b"k".to_vec(), tag);
    assert!(open(&build(&[version(9), version(8)])).has_tags());
    let two_keys = [(b"a".to_vec(), 9), (b"b".to_vec(), 8)];
    assert!(!open(&build(&two_keys)).has_tags());
}

#[test]
fn numbers_are_chosen_where_they_are_smaller() {
    let key = |i: u64| ((i * 40).to_be_bytes().to_vec(), 1);
    let block = build(&(0..4000).map(key).collect::<Vec<_>>());
    assert!(block.len() < 4000 * 2, "{} bytes", block.len());
}

#[test]
fn memory_is_what_is_stored_and_little_more() {
    let key = |i: u64| format!("tenant-{:04}/{:012}/object", i / 700, i * i);
    let entries: Vec<_> = (0..3000).map(|i| (key(i).into_bytes(), 1)).collect();
    let block = build(&entries);
    let mut index = open(&block);
    assert_eq!(index.stored_bytes(), block.len());
    let memory = index.memory_usage();
    assert!(
        memory >= block.len() && memory < 2 * block.len(),
        "{memory} of {}",
        block.len()
    );
    index.quicken();
    let (more, told) = (index.memory_usage() - memory, LearnedIndex::QUICK_BYTES);
    let told = told * index.blocks();
    assert!(more.abs_diff(told) * 5 < told, "{more}, told {told}");
}

#[test]
fn nesting_is_bounded() {
    let bytes = vec![b'x'; 8 * 3000];
    let directory = Directory::fit(3000, |i| &bytes[..8 * i]);
    assert!(directory.memory_usage() < 3000 * 8 * 40);
}

/// The models settle a rank, not comparisons: a binary search would need twelve.
#[test]
fn ranks_take_few_comparisons() {
    let strings: Vec<Vec<u8>> = (0..4000u64)
        .map(|i| {
            let tenant = if i < 2000 {
                "aaaaaaaaaaaaaaaa"
            } else {
                "bbbbbbbbbbbbbbbb"
            };
            let prefix = format!("https://example.org/{tenant}");
            [prefix.as_bytes(), &(i * 7).to_be_bytes()].concat()
        })
        .collect();
    let directory = Directory::fit(strings.len(), |i| &strings[i]);
    for (i, string) in strings.iter().enumerate() {
        let asked = Cell::new(0);
        let rank = directory.rank(string, |j| {
            asked.set(asked.get() + 1);
            strings[j] <= *string
        });
        assert_eq!(rank, i + 1);
        assert!(asked.get() <= 5, "{} comparisons", asked.get());
    }
}

#[test]
fn builder_refuses_disorder() {
    type Block<'a> = (&'a [u8], Option<&'a [u8]>, BlockHandle);
    let cases: [(&str, &[Block<'_>]); 5] = [
        (
            "blocks overlap",
            &[
                (b"a", Some(b"b"), handle(0, 100)),
                (b"b", None, handle(99, 100)),
            ],
        ),
        (
            "the last block never came",
            &[(b"a", Some(b"b"), handle(0, 100))],
        ),
        (
            "a block behind the last",
            &[(b"a", None, handle(0, 100)), (b"b", None, handle(105, 100))],
        ),
        (
            "a block behind the last that is not the last",
            &[
                (b"a", None, handle(0, 100)),
                (b"b", Some(b"c"), handle(105, 100)),
            ],
        ),
        (
            "an end beyond 64 bits",
            &[(b"a", None, handle(u64::MAX, 100))],
        ),
    ];
    for (what, blocks) in cases {
        let mut builder = Builder::new();
        for (last, next, handle) in blocks {
            builder.add_block((last, 1), next.map(|next| (next, 1)), *handle);
        }
        assert!(builder.finish().is_err(), "{what}");
    }
}
