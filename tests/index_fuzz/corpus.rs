//! The learned blocks that are kept in the tree, one a file in `corpus/`:
//!
//! - `sound`: of the files below, as a builder of this version once wrote them
//! - `altered`: damaged and sealed anew, and yet the index of some file
//! - `refused`: damaged, the shortest that was found for each reason, which is its name

use crate::fields::fields;
use crate::index_file::{Entry, File, one_version, put};
use mountdb::index::{BlockHandle, LearnedIndex, Refusal};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

#[derive(Debug)]
pub struct Stored {
    pub name: String,
    pub block: Vec<u8>,
}

pub fn directory(kind: &str) -> PathBuf {
    // Cargo runs tests in the directory of their package. One that is compiled in would be wrong
    // where several checkouts share what they build.
    Path::new("tests/index_fuzz/corpus").join(kind)
}

/// The blocks of one kind, by name.
pub fn stored(kind: &str) -> Vec<Stored> {
    let files = fs::read_dir(directory(kind)).expect("a corpus");
    let mut stored: Vec<Stored> = files
        .map(|file| {
            let path = file.expect("a directory entry").path();
            let name = path.file_name().expect("a name");
            Stored {
                name: name.to_string_lossy().into_owned(),
                block: fs::read(&path).expect("a readable file"),
            }
        })
        .collect();
    // The order in which a directory is listed is not always the same.
    stored.sort_by(|a, b| a.name.cmp(&b.name));
    stored
}

pub fn all() -> &'static [Stored] {
    static ALL: OnceLock<Vec<Stored>> = OnceLock::new();
    let kinds = ["sound", "altered", "refused"];
    ALL.get_or_init(|| kinds.into_iter().flat_map(stored).collect())
}

/// Keeps `block`, if none of that name is kept yet.
pub fn store(kind: &str, name: &str, block: &[u8]) {
    fs::create_dir_all(directory(kind)).expect("a directory");
    let path = directory(kind).join(name);
    if !path.exists() {
        println!("{}, {} bytes", path.display(), block.len());
        fs::write(path, block).expect("a new file");
    }
}

/// Where the last block of `index` ends.
pub fn end(index: &LearnedIndex) -> u64 {
    let last = index.blocks().checked_sub(1);
    last.and_then(|last| index.handle(last))
        .map_or(0, |h| h.offset + h.size)
}

/// What a refused block is called; a second one for the same reason has more behind a dot.
pub fn reason(refusal: &Refusal) -> String {
    let words = match refusal {
        Refusal::NotALearnedBlock => "not a learned block".into(),
        Refusal::UnknownVersion(_) => "unknown version".into(),
        Refusal::Checksum { .. } => "checksum".into(),
        Refusal::Truncated(part) => format!("truncated {part}"),
        Refusal::Invalid(what) => format!("invalid {what}"),
        other => other.to_string(),
    };
    words.replace(' ', "-")
}

/// What the cuts are kept as.
pub fn form(block: &[u8]) -> &'static str {
    let fields = fields(block);
    let has = |name| fields.contains_key(name);
    match (has("ranks"), has("tag"), has("cut")) {
        (true, ..) => "numbers",
        (_, true, _) => "versions",
        (.., true) => "strings",
        _ => "no-cuts",
    }
}

/// The files behind `sound`.
pub fn files() -> Vec<(&'static str, File)> {
    vec![
        ("no-blocks", one_a_block(vec![])),
        ("one-block", File::new(keys(["a", "b", "c"]), || 3)),
        ("one-block-of-an-empty-key", one_a_block(keys([""]))),
        ("two-blocks", one_a_block(keys(["first", "second"]))),
        ("numbers-64-cuts", numbers(65)),
        ("numbers-65-cuts-uneven", numbers(66).at(uneven)),
        ("numbers-dense-in-pages", dense_in_pages()),
        ("numbers-far-apart", far_apart()),
        ("strings-63-cuts-uneven", strings(64).at(uneven)),
        ("strings-64-cuts", strings(65)),
        ("strings-long", long_strings()),
        ("strings-deep", deep_strings()),
        ("strings-tails", tails()),
        ("versions", versions().at(uneven)),
        ("versions-of-one-key", one_key()),
    ]
}

fn one_a_block(entries: Vec<Entry>) -> File {
    File::new(entries, || 1)
}

fn keys<const N: usize>(keys: [&str; N]) -> Vec<Entry> {
    one_version(&keys.map(|key| key.as_bytes().to_vec()))
}

/// Padding between blocks: their ends are stored.
fn uneven(block: u64) -> BlockHandle {
    BlockHandle {
        offset: block * 1000 + block * block % 37,
        size: 900 + block % 11,
    }
}

/// Cuts of a few bytes that differ: numbers take less than strings. Two entries a block.
fn numbers(blocks: u64) -> File {
    let key = |i: u64| (i * 5000 + i * i % 700).to_be_bytes().to_vec();
    let keys: Vec<_> = (0..2 * blocks).map(key).collect();
    File::new(one_version(&keys), || 2)
}

/// Numbers and offsets without residuals, in units above one.
fn dense_in_pages() -> File {
    let keys: Vec<_> = (1..=129u64)
        .map(|i| (i << 12).to_be_bytes().to_vec())
        .collect();
    one_a_block(one_version(&keys)).at(|block| BlockHandle {
        offset: block << 12,
        size: 4096,
    })
}

/// Blocks end between neighbouring integers, so that cuts have eight bytes, of which strings
/// would share none; the first lies so low that residuals have 64 bits. The file ends where
/// 64 bits end.
fn far_apart() -> File {
    let last = |i: u64| match i {
        0 => 2,
        _ => (0xb000 << 48) + i * 0x0140_1234_5678_9abc,
    };
    let key = |i: u64| (last(i / 2) + i % 2).to_be_bytes().to_vec();
    let keys: Vec<_> = (0..119).map(key).collect();
    let mut lens = std::iter::once(1).chain(std::iter::repeat(2));
    File::new(one_version(&keys), || lens.next().unwrap_or(2)).at(|block| BlockHandle {
        offset: match block {
            0..20 => block,
            _ => u64::MAX - (59 - block) * 1000 - 900,
        },
        size: u64::from(block >= 20) * 900,
    })
}

/// Long and short cuts in turn: strings take less than numbers.
fn strings(blocks: u8) -> File {
    let key = |i: u8| match i % 3 {
        0 => vec![i, 1, 2],
        1 => [&[i][..], b"shared ", &[i]].concat(),
        _ => [&[i - 1][..], b"shared prefix and more ", &[i]].concat(),
    };
    let mut keys: Vec<_> = (0..blocks).map(key).collect();
    keys.sort();
    one_a_block(one_version(&keys))
}

/// Shared bytes and suffixes that do not fit into a control byte, of one and two bytes'
/// length, behind a prefix of all keys.
fn long_strings() -> File {
    let key = |i: usize| {
        let (tenant, id) = (i / 5, i % 5);
        let path = format!("https://example.org/tenant-{tenant:02}/");
        let deep = "directory/".repeat(id * 6 % 17);
        [path.as_bytes(), deep.as_bytes(), &[b'a' + id as u8]].concat()
    };
    let mut keys: Vec<_> = (0..60).map(key).collect();
    keys.sort();
    one_a_block(one_version(&keys))
}

/// So many cuts with eight bytes in common that the tree of models has a second level.
fn deep_strings() -> File {
    let low = (0..540u16).map(|i| [&b"same 8 b"[..], &(i * 7).to_be_bytes()].concat());
    let keys: Vec<_> = low.chain([b"z".to_vec()]).collect();
    one_a_block(one_version(&keys))
}

/// Prefixes of one another, from the empty key on; zeros and 0xff at the end.
fn tails() -> File {
    let key = |byte: u8| (0..24).map(move |n| vec![byte; n]);
    let tail = |byte: u8| (1..20).map(move |n| [&b"t/"[..], &vec![byte; n]].concat());
    let all = key(0).chain(tail(0)).chain(tail(0xff));
    let keys: Vec<_> = all.chain(key(0xff).skip(1)).collect();
    one_a_block(one_version(&keys))
}

/// Versions of a key in several blocks, between other keys, over restarts and in a group.
fn versions() -> File {
    let entries = (0..9u8).flat_map(|i| {
        let count = [1, 40, 2, 1, 1, 5, 1, 1, 3][usize::from(i)];
        let key = [&b"key "[..], &[i]].concat();
        (0..count).rev().map(move |seq| put(&key, 100 + seq))
    });
    one_a_block(entries.collect())
}

/// The empty one.
fn one_key() -> File {
    one_a_block((0..20).rev().map(|seq| put(b"", seq)).collect())
}
