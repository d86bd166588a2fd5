//! `mountdb inspect`: what it says of files of every kind, what it draws, how it ends.

#[path = "../../tests/common/db.rs"]
mod db;
#[path = "../../tests/common/seal.rs"]
mod seal;

use db::{LearnedBlock, base, find, learned, only_table, options, stock};
use mountdb::TableFile;
use mountdb::index::{BlockHandle, Builder};
use rocksdb::{DB, Options, SstFileWriter, WriteBatch};
use seal::seal;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const SMALL: &str = "block_size=256";
/// Damage is for mountdb to find.
const NO_CHECKSUM: &str = "block_size=256;checksum=kNoChecksum";

/// What a run has said.
struct Said {
    status: Option<i32>,
    out: String,
    error: String,
}

/// Runs the program in `directory`.
fn inspect(directory: &Path, arguments: &[&str]) -> Said {
    let Output {
        status,
        stdout,
        stderr,
    } = Command::new(env!("CARGO_BIN_EXE_mountdb"))
        .current_dir(directory)
        .arg("inspect")
        .args(arguments)
        .output()
        .unwrap();
    Said {
        status: status.code(),
        out: String::from_utf8(stdout).unwrap(),
        error: String::from_utf8(stderr).unwrap(),
    }
}

impl Said {
    #[track_caller]
    fn fine(self) -> String {
        assert_eq!(self.status, Some(0), "{}{}", self.out, self.error);
        assert_eq!(self.error, "");
        self.out
    }

    /// Exit status and errors as they must be; what went to stdout.
    #[track_caller]
    fn failed(self, status: i32, parts: &[&str]) -> String {
        assert_eq!(self.status, Some(status), "{}{}", self.out, self.error);
        for part in parts {
            assert!(self.error.contains(part), "{part:?} in {}", self.error);
        }
        self.out
    }
}

/// The cells of a row of the only table in `text`.
#[track_caller]
fn row<'a>(text: &'a str, label: &str) -> Vec<&'a str> {
    let line = text.lines().find(|line| line.starts_with(label));
    let cells = line.unwrap_or_else(|| panic!("no {label} in {text}"));
    // A column is two spaces apart, the words in it one.
    let cells = cells.split("  ").map(str::trim);
    cells.filter(|cell| !cell.is_empty()).collect()
}

fn write(directory: &Path, name: &str, options: &Options, keys: &[Vec<u8>]) {
    let mut writer = SstFileWriter::create(options);
    writer.open(directory.join(name)).unwrap();
    for key in keys {
        writer.put(key, [b'v'; 20]).unwrap();
    }
    writer.finish().unwrap();
}

/// Cuts between them are numbers.
fn numbers(count: u64) -> Vec<Vec<u8>> {
    let key = |i: u64| (i * i * 1000 + i % 7).to_be_bytes().to_vec();
    (0..count).map(key).collect()
}

/// Cuts between them are strings.
fn strings(count: u64) -> Vec<Vec<u8>> {
    let key = |i: u64| format!("tenant-{:03}/an object/{:09}", i / 50, i * i).into_bytes();
    (0..count).map(key).collect()
}

#[test]
fn a_learned_index_beside_the_standard_one() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    write(directory, "numbers.sst", &learned(SMALL), &numbers(5000));
    let text = inspect(directory, &["numbers.sst"]).fine();

    let path = directory.join("numbers.sst");
    let as_stock = TableFile::open(&stock(""), &path).unwrap().facts();
    let file = TableFile::open(&learned(""), &path).unwrap();
    let summary = file.learned_index().unwrap().unwrap().summary();
    let (blocks, bytes) = (summary.blocks as f64, summary.stored_bytes as u64);
    assert!(blocks > 300.0 && summary.segments > 4);
    let count = mountdb_bench::format::count;
    let first = format!(
        "numbers.sst: {} bytes, 5,000 entries in {} data blocks of {} bytes on average\n",
        count(as_stock.file_bytes),
        count(as_stock.blocks),
        as_stock.data_bytes / as_stock.blocks
    );
    assert!(text.starts_with(&first), "{first}: {text}");
    let standard = as_stock.standard_index_bytes;
    let expected = [
        "standard".to_owned(),
        count(standard),
        format!("{:.1}", standard as f64 / blocks),
        format!("{:.1}", standard as f64 * 8.0 / blocks),
        count(as_stock.index_memory),
        "-".to_owned(),
        "-".to_owned(),
    ];
    assert_eq!(row(&text, "standard "), expected, "{text}");
    let held = file.facts().index_memory;
    assert_ne!(held, as_stock.index_memory);
    let expected = [
        "learned".to_owned(),
        count(bytes),
        format!("{:.1}", bytes as f64 / blocks),
        format!("{:.1}", summary.bits_a_block()),
        count(held),
        summary.segments.to_string(),
        format!("{:.1} blocks", summary.largest_error.unwrap()),
    ];
    assert_eq!(row(&text, "learned "), expected, "{text}");
    let expected = [
        "standard/learned".to_owned(),
        format!("{:.2}x", standard as f64 / bytes as f64),
        format!("{:.2}x", as_stock.index_memory as f64 / held as f64),
    ];
    assert_eq!(row(&text, "standard/learned"), expected, "{text}");
    assert!(text.contains("\nproperties: the same\n"), "{text}");
    for word in ["CONTRADICTION", "REFUSED", "strings", "total", "not in use"] {
        assert!(!text.contains(word), "{word}: {text}");
    }
}

#[test]
fn strings_have_no_residuals() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    write(directory, "strings.sst", &learned(SMALL), &strings(3000));
    let text = inspect(directory, &["strings.sst"]).fine();
    let cells = row(&text, "learned ");
    assert_eq!(cells[6], "-", "{text}");
    let segments: usize = cells[5].parse().unwrap();
    assert!(segments > 10);
    assert!(
        text.contains("strings: a segment is the cuts to one restart"),
        "{text}"
    );
}

#[test]
fn a_file_without_one_says_why() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let keys = numbers(500);
    let threads = "table_factory={id=mountdb};compression=kLZ4Compression;\
                   compression_opts={parallel_threads=2}";
    let backwards: Vec<Vec<u8>> = keys.iter().rev().cloned().collect();
    let reverse = "comparator=rocksdb.ReverseBytewiseComparator";
    let mut own = learned(SMALL);
    own.set_comparator("an order of its own", Box::new(|a, b| b.cmp(a)));
    let plain = "written by plain RocksDB, or with write_learned_index=false";
    let cases = [
        (stock(SMALL), &keys, plain),
        (learned("write_learned_index=false"), &keys, plain),
        (options(threads), &keys, "parallel compression"),
        (
            options(&format!("table_factory={{id=mountdb}};{reverse}")),
            &backwards,
            "the comparator is rocksdb.ReverseBytewiseComparator",
        ),
        (own, &backwards, "the comparator is an order of its own"),
        (options(reverse), &backwards, plain),
    ];
    for (options, keys, why) in cases {
        write(directory, "table.sst", &options, keys);
        let text = inspect(directory, &["table.sst", "--plot"]).fine();
        assert!(
            text.contains(&format!("no learned index: {why}\n")),
            "{why}: {text}"
        );
        assert!(text.contains("500 entries"), "{text}");
        assert!(!text.contains("\nlearned "), "{text}");
        assert_ne!(row(&text, "standard ")[1], "0");
        assert!(text.contains("not drawn: no learned index"), "{text}");
        assert!(!directory.join("table.sst.svg").exists());
    }
}

#[test]
fn tables_of_every_kind() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    for fields in [
        "index_type=kTwoLevelIndexSearch;metadata_block_size=256",
        "index_type=kBinarySearchWithFirstKey",
        "index_type=kHashSearch",
        "filter_policy=bloomfilter:10;partition_filters=true;index_type=kTwoLevelIndexSearch",
        "cache_index_and_filter_blocks=true;format_version=5",
    ] {
        let table = format!("table_factory={{id=mountdb;{SMALL};{fields}}}");
        let options = options(&format!("{table};prefix_extractor=fixed:4"));
        write(directory, "table.sst", &options, &numbers(2000));
        let text = inspect(directory, &["table.sst"]).fine();
        assert_ne!(row(&text, "standard ")[1], "0", "{text}");
        assert_ne!(row(&text, "learned ")[4], "-", "{text}");
    }
}

/// The learned index is there, and mountdb's table was not asked.
#[test]
fn a_file_written_through_the_options_of_rocksdb() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    for mode in ["", ";use_udi_as_primary_index=true"] {
        let string = format!(
            "block_based_table_factory={{user_defined_index_factory=mountdb{mode};{SMALL}}}"
        );
        write(directory, "table.sst", &options(&string), &numbers(1000));
        let text = inspect(directory, &["table.sst"]).fine();
        assert_ne!(row(&text, "learned ")[1], "0", "{text}");
        assert!(text.contains("properties: none"), "{text}");
    }
}

/// Versions of RocksDB that are old wrote the sequence number of an ingested file into it.
#[test]
fn an_ingested_file_with_a_sequence_number() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    write(
        directory,
        "table.sst",
        &learned(NO_CHECKSUM),
        &numbers(1000),
    );
    let path = directory.join("table.sst");
    let mut file = fs::read(&path).unwrap();
    let name = b"global_seqno";
    let at = find(&file, name)[0] + name.len();
    assert_eq!(file[at..at + 8], [0; 8]);
    file[at] = 77;
    fs::write(&path, &file).unwrap();
    let text = inspect(directory, &["table.sst"]).fine();
    assert_ne!(row(&text, "learned ")[1], "0", "{text}");
    assert!(!text.contains("not in use"), "{text}");
}

#[test]
fn one_broken_file_among_others() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    write(directory, "a.sst", &learned(SMALL), &numbers(1000));
    write(directory, "b.sst", &stock(SMALL), &numbers(1000));
    write(directory, "c.sst", &learned(SMALL), &strings(1000));
    fs::write(directory.join("text.sst"), "no table at all").unwrap();
    let whole = fs::read(directory.join("a.sst")).unwrap();
    fs::write(directory.join("half.sst"), &whole[..whole.len() / 2]).unwrap();
    let files = [
        "a.sst", "text.sst", "b.sst", "missing", ".", "half.sst", "c.sst",
    ];
    let text = inspect(directory, &files).failed(
        1,
        &[
            "error: text.sst cannot be opened",
            "error: missing cannot be read",
            "error: . is a directory; give the table files in it: ./*.sst",
            "error: half.sst cannot be opened",
            "sst_dump --file=half.sst",
        ],
    );
    for file in ["a.sst: ", "b.sst: ", "c.sst: "] {
        assert!(text.contains(file), "{file}: {text}");
    }
    let total = text.lines().last().unwrap();
    let facts = |name: &str| {
        let file = TableFile::open(&learned(""), &directory.join(name)).unwrap();
        let learned = file.learned_index().unwrap();
        let learned = learned.map_or(0, |index| index.stored_bytes() as u64);
        let facts = file.facts();
        (facts.blocks, facts.standard_index_bytes, learned)
    };
    let [a, b, c] = ["a.sst", "b.sst", "c.sst"].map(facts);
    let count = mountdb_bench::format::count;
    let parts = [
        "total of 3 files (4 more could not be opened)".to_owned(),
        format!("{} data blocks", count(a.0 + b.0 + c.0)),
        format!(
            "standard indexes {} bytes, {:.1} a block",
            count(a.1 + b.1 + c.1),
            (a.1 + b.1 + c.1) as f64 / (a.0 + b.0 + c.0) as f64
        ),
        format!(
            "learned indexes of 2 of them {} bytes, {:.1} a block",
            count(a.2 + c.2),
            (a.2 + c.2) as f64 / (a.0 + c.0) as f64
        ),
        format!("{:.2}x as large", (a.1 + c.1) as f64 / (a.2 + c.2) as f64),
    ];
    for part in parts {
        assert!(total.contains(&part), "{part:?} in {total}");
    }
    assert_eq!(
        inspect(directory, &["missing"]).failed(1, &["missing"]),
        "",
        "no table, no total"
    );
}

#[test]
fn a_damaged_learned_block() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let path = directory.join("table.sst");
    for (fields, why) in [
        (SMALL, "block checksum mismatch"),
        (NO_CHECKSUM, "learned index checksum mismatch"),
    ] {
        write(directory, "table.sst", &learned(fields), &numbers(1000));
        let block = LearnedBlock::find(&path).unwrap();
        let mut file = block.file.clone();
        file[block.at + block.len / 2] ^= 4;
        fs::write(&path, file).unwrap();
        let text = inspect(directory, &["table.sst", "--plot"]).failed(
            1,
            &["error: table.sst: its learned index is not used: ", why],
        );
        let refused = text.lines().find(|line| line.starts_with("REFUSED: "));
        assert!(refused.unwrap().contains(why), "{text}");
        // What it was is not lost.
        let said = format!("properties: {} data blocks in ", block.index().blocks());
        assert!(text.contains(&said), "{text}");
        assert!(text.contains("not drawn"), "{text}");
        assert_ne!(row(&text, "standard ")[1], "0");
    }

    // Sealed, and of no use.
    write(
        directory,
        "table.sst",
        &learned(NO_CHECKSUM),
        &numbers(1000),
    );
    let block = LearnedBlock::find(&path).unwrap();
    let mut newer = block.bytes().to_vec();
    newer[8] += 1;
    seal(&mut newer);
    let mut fewer = Builder::new();
    let handle = BlockHandle { offset: 0, size: 9 };
    fewer.add_block((b"k", 9), None, handle);
    for (forged, why) in [
        (newer, "learned index version 2"),
        (fewer.finish().unwrap(), "learned index of 1 data blocks"),
    ] {
        fs::write(&path, block.replaced_by(&forged)).unwrap();
        let text = inspect(directory, &["table.sst"]).failed(1, &[why]);
        assert!(text.contains(&format!("REFUSED: {why}")), "{text}");
    }
}

#[test]
fn properties_that_lie() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    write(
        directory,
        "table.sst",
        &learned(NO_CHECKSUM),
        &numbers(1000),
    );
    let path = directory.join("table.sst");
    let block = LearnedBlock::find(&path).unwrap();
    let segments = block.index().summary().segments;
    assert!(segments < 9);
    let said = format!("segments{segments}");
    let mut file = block.file.clone();
    let at = find(&file, said.as_bytes())[0] + said.len() - 1;
    file[at] += 1;
    fs::write(&path, &file).unwrap();
    let text = inspect(directory, &["table.sst"])
        .failed(1, &["error: table.sst: mountdb.index.segments says "]);
    let complaint = format!(
        "CONTRADICTION: mountdb.index.segments says {}, the file has {segments}\n",
        segments + 1
    );
    assert!(text.contains(&complaint), "{text}");
    assert!(!text.contains("the same"), "{text}");

    // A learned index that is no longer there.
    fs::write(&path, block.replaced_by(&[])).unwrap();
    let text = inspect(directory, &["table.sst"]).failed(1, &["table.sst"]);
    let parts = [
        "\nno learned index\n",
        "CONTRADICTION: mountdb.index says learned, the file has none\n",
    ];
    assert!(parts.iter().all(|part| text.contains(part)), "{text}");
}

#[test]
fn next_to_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    write(directory, "one.sst", &learned(SMALL), &numbers(1));
    let text = inspect(directory, &["one.sst", "--plot"]).fine();
    assert_eq!(row(&text, "learned ")[5..], ["0", "-"], "{text}");
    assert!(!text.contains("strings"), "{text}");
    let svg = drawing(directory, "one.sst.svg");
    assert!(svg.contains("one data block: no cuts"), "{svg}");

    // One cut.
    write(directory, "two.sst", &learned("block_size=1"), &numbers(2));
    let text = inspect(directory, &["two.sst", "--plot"]).fine();
    assert_eq!(row(&text, "learned ")[5..], ["1", "-"], "{text}");
    let svg = drawing(directory, "two.sst.svg");
    let step = [
        (LEFT, BOTTOM),
        (427.5, BOTTOM),
        (427.5, 204.0),
        (RIGHT, 204.0),
    ];
    assert_eq!(path_of(&svg, "cuts"), step);
    assert_eq!(svg.matches(r">\x00\x00\x00\x00\x00\x00\x02<").count(), 1);

    // Nothing but a range deletion.
    let path = directory.join("db");
    let db = DB::open(&learned(""), &path).unwrap();
    db.put("kept by a snapshot", "value").unwrap();
    let snapshot = db.snapshot();
    let mut batch = WriteBatch::default();
    batch.delete_range("a", "z");
    db.write(batch).unwrap();
    drop(snapshot);
    db.flush().unwrap();
    drop(db);
    let table = only_table(&path);
    let text = inspect(directory, &[table.to_str().unwrap(), "--plot=."]).fine();
    assert!(text.contains("in 0 data blocks\n"), "{text}");
    assert_eq!(row(&text, "standard ")[2..4], ["-", "-"], "{text}");
}

/// The drawing in a file, which must be sound and small.
#[track_caller]
fn drawing(directory: &Path, name: &str) -> String {
    let svg = fs::read_to_string(directory.join(name)).unwrap();
    assert!(svg.len() < 50_000, "{name}: {} bytes", svg.len());
    well_formed(&svg);
    svg
}

/// As much of XML as drawings are made of: nested elements, quoted attributes, entities.
#[track_caller]
fn well_formed(xml: &str) {
    let text = |text: &str| {
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'));
        for after in text.split('&').skip(1) {
            let (entity, _) = after.split_once(';').expect("the end of an entity");
            assert!(
                ["lt", "gt", "amp", "quot", "apos"].contains(&entity),
                "{entity}"
            );
        }
    };
    let mut open: Vec<&str> = Vec::new();
    let mut parts = xml.split('<');
    assert_eq!(parts.next(), Some(""), "something before the root");
    for part in parts {
        let (tag, content) = part.split_once('>').expect("the end of a tag");
        text(content);
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
        } else {
            let (tag, is_empty) = match tag.strip_suffix('/') {
                Some(tag) => (tag, true),
                None => (tag, false),
            };
            let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
            let quotes: Vec<&str> = attributes.split('"').collect();
            assert!(quotes.len() % 2 == 1, "{tag}");
            for (i, piece) in quotes.iter().enumerate() {
                text(piece);
                assert_eq!(
                    i % 2 == 0 && !piece.is_empty(),
                    piece.ends_with('='),
                    "{tag}"
                );
            }
            if !is_empty {
                open.push(name);
            }
        }
        assert!(!open.is_empty() || content.trim().is_empty());
    }
    assert_eq!(open, [""; 0]);
}

/// The places that the path of a class goes through: absolute M, L, H and V.
fn path_of(svg: &str, class: &str) -> Vec<(f64, f64)> {
    let start = format!("<path class=\"{class}\"");
    let path = svg.lines().find(|line| line.starts_with(&start)).unwrap();
    let (_, path) = path.split_once(" d=\"").unwrap();
    let (path, _) = path.split_once('"').unwrap();
    let mut places: Vec<(f64, f64)> = Vec::new();
    let mut rest = path;
    while let Some(command) = rest.chars().next() {
        let end = rest[1..].find(|c: char| c.is_ascii_alphabetic());
        let end = end.map_or(rest.len(), |end| end + 1);
        let numbers: Vec<f64> = rest[1..end]
            .split(' ')
            .map(|n| n.parse().unwrap())
            .collect();
        let before = places.last().copied().unwrap_or_default();
        places.push(match (command, &numbers[..]) {
            ('M' | 'L', &[x, y]) => (x, y),
            ('H', &[x]) => (x, before.1),
            ('V', &[y]) => (before.0, y),
            _ => panic!("{command} {numbers:?}"),
        });
        rest = &rest[end..];
    }
    places
}

/// The panel of keys and blocks.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 785.0;
const TOP: f64 = 64.0;
const BOTTOM: f64 = 344.0;
/// The panel of errors, from the bottom up.
const ERRORS: [f64; 2] = [486.0, 416.0];

#[test]
fn the_model_is_drawn_where_the_keys_are() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    // Every key a block; the first half of them in an eighth of the keys' range.
    let bent = |i: u64| if i < 500 { i } else { 500 + (i - 500) * 7 };
    let numbers = |i: u64| [b"the same ", &(bent(i) * 256 + 1).to_be_bytes()[..]].concat();
    let numbers: Vec<Vec<u8>> = (0..1000).map(numbers).collect();
    write(directory, "table.sst", &learned("block_size=1"), &numbers);
    let text = inspect(directory, &["table.sst", "--plot"]).fine();
    assert!(text.contains("drawn in table.sst.svg\n"), "{text}");
    let svg = drawing(directory, "table.sst.svg");
    let (cuts, model) = (path_of(&svg, "cuts"), path_of(&svg, "model"));
    assert_eq!(cuts[0], (LEFT, BOTTOM));
    assert_eq!(cuts.last().map(|place| place.0), Some(RIGHT));
    assert!(cuts.is_sorted_by(|a, b| a.0 <= b.0 && a.1 >= b.1));
    assert_eq!(model.len(), 2 * 999usize.div_ceil(64));
    let part = |(x, y): &(f64, f64)| ((x - LEFT) / (RIGHT - LEFT), (BOTTOM - y) / (BOTTOM - TOP));
    let above_the_keys = |place| {
        let (x, y) = part(place);
        y - match x < 0.125 {
            true => x * 4.0,
            false => 0.5 + (x - 0.125) / 1.75,
        }
    };
    let file = TableFile::open(&learned(""), &directory.join("table.sst")).unwrap();
    let index = file.learned_index().unwrap().unwrap();
    let largest = index.summary().largest_error.unwrap();
    assert!(cuts.iter().all(|place| above_the_keys(place).abs() < 0.005));
    // Lines begin at a cut and are tangents from below, seen from the side of the keys.
    for (line, segment) in model.chunks(2).zip(index.segments()) {
        assert!(above_the_keys(&line[0]).abs() < 0.005, "{line:?}");
        let behind = above_the_keys(&line[1]) * 1000.0;
        let error = segment.error.unwrap();
        assert!((-5.0..error + 5.0).contains(&behind), "{line:?} {error}");
    }
    let errors = path_of(&svg, "error");
    assert_eq!(errors.len(), 4 * index.segments().count());
    for (bar, (line, segment)) in errors.chunks(4).zip(model.chunks(2).zip(index.segments())) {
        let [bottom, top] = ERRORS;
        let high = (bottom - bar[1].1) / (bottom - top) * largest;
        assert!((high - segment.error.unwrap()).abs() < largest / 100.0);
        assert_eq!((bar[0].0, bar[2].0), (line[0].0, line[1].0));
        assert_eq!((bar[0].1, bar[3].1), (bottom, bottom));
    }
    assert!(svg.contains("behind the 14 that all share"), "{svg}");
}

#[test]
fn a_drawing_of_any_file_is_sound_and_small() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let marked: Vec<Vec<u8>> = (0..4000)
        .map(|i| format!("<{}&\"'>\u{1}{:09}]]>", i / 1000, i * i).into_bytes())
        .collect();
    let scattered = |i: u64| {
        (i.wrapping_mul(0x9e37_79b9_7f4a_7c15))
            .to_be_bytes()
            .to_vec()
    };
    let mut scattered: Vec<Vec<u8>> = (0..60_000).map(scattered).collect();
    scattered.sort();
    let sets = [
        ("many", scattered, true),
        ("skewed", numbers(30_000), true),
        ("strings", strings(30_000), false),
        ("a<&\"'>\u{2}b", marked, false),
    ];
    for (name, keys, has_errors) in sets {
        let file = format!("{name}.sst");
        write(directory, &file, &learned("block_size=1"), &keys);
        inspect(directory, &[&file, "--plot"]).fine();
        let svg = drawing(directory, &format!("{file}.svg"));
        assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 800 "));
        assert!(svg.contains("prefers-color-scheme:dark"));
        assert_eq!(svg.contains("class=\"error\""), has_errors, "{name}");
        assert_eq!(svg.contains("no lines, no residuals"), !has_errors);
        assert!(path_of(&svg, "cuts").len() > 500);
        assert!(path_of(&svg, "model").len() > 200);
        for class in ["cuts", "model"] {
            for (x, y) in path_of(&svg, class) {
                assert!((LEFT..=RIGHT).contains(&x) && (TOP..=BOTTOM).contains(&y));
            }
        }
        if name == "many" {
            // Two lines to a bar, which is as high as the worse one.
            let table = TableFile::open(&learned(""), &directory.join(&file)).unwrap();
            let index = table.learned_index().unwrap().unwrap();
            let errors: Vec<f64> = index.segments().filter_map(|line| line.error).collect();
            let largest = errors.iter().copied().fold(0.0, f64::max);
            let bars = path_of(&svg, "error");
            assert_eq!(bars.len(), 4 * errors.len().div_ceil(2));
            for (bar, errors) in bars.chunks(4).zip(errors.chunks(2)) {
                let high = (ERRORS[0] - bar[1].1) / (ERRORS[0] - ERRORS[1]) * largest;
                let worse = errors.iter().copied().fold(0.0, f64::max);
                assert!((high - worse).abs() < largest / 100.0);
            }
            assert!(svg.contains(", 1 of 2 drawn)"));
        }
        if name.starts_with('a') {
            assert!(svg.contains("<title>a&lt;&amp;&quot;&apos;&gt;\\u{2}b.sst: "));
            assert!(
                svg.contains(">&lt;0&amp;\\&quot;\\&apos;&gt;\\x010000"),
                "{svg}"
            );
        }
    }
}

#[test]
fn where_drawings_go() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    fs::create_dir(directory.join("db")).unwrap();
    fs::create_dir(directory.join("drawings")).unwrap();
    write(directory, "db/a.sst", &learned(SMALL), &numbers(500));
    write(directory, "db/b.sst", &learned(SMALL), &numbers(500));
    write(directory, "a.sst", &learned(SMALL), &numbers(500));
    let there = |name: &str| directory.join(name).exists();

    inspect(directory, &["db/a.sst", "db/b.sst", "--plot"]).fine();
    assert!(there("a.sst.svg") && there("b.sst.svg"));
    assert!(!there("db/a.sst.svg"), "the database's directory");
    inspect(directory, &["--plot=drawings", "db/a.sst"]).fine();
    assert!(there("drawings/a.sst.svg"));
    let text = inspect(directory, &["--plot=new.svg", "db/a.sst"]).fine();
    assert!(text.contains("drawn in new.svg"), "{text}");
    // Once more, over the old one.
    fs::write(directory.join("new.svg"), "<svg").unwrap();
    inspect(directory, &["--plot=new.svg", "db/a.sst"]).fine();
    drawing(directory, "new.svg");

    let usage: &[(&[&str], &str)] = &[
        (
            &["db/a.sst", "db/b.sst", "--plot=x.svg"],
            "give a directory",
        ),
        (&["db/a.sst", "--plot=missing"], "make the directory first"),
        (&["db/a.sst", "--plot", "x.svg"], "write --plot=x.svg"),
        (&["db/a.sst", "a.sst", "--plot"], "one by one"),
        (&["--plot"], "FILE"),
        (&[], "FILE"),
    ];
    for (arguments, part) in usage {
        let text = inspect(directory, arguments).failed(2, &[part]);
        assert_eq!(text, "", "{arguments:?}");
    }

    // What is no drawing stays.
    write(directory, "x.svg", &stock(SMALL), &numbers(10));
    let before = fs::read(directory.join("x.svg")).unwrap();
    inspect(directory, &["a.sst", "--plot=x.svg"]).failed(1, &["x.svg is there and no drawing"]);
    assert_eq!(fs::read(directory.join("x.svg")).unwrap(), before);
    inspect(directory, &["a.sst", "--plot=drawings/none/x.svg"]).failed(1, &["writing drawings"]);
    // What comes behind it is drawn all the same.
    fs::write(directory.join("drawings/a.sst.svg"), "my own").unwrap();
    let text = inspect(directory, &["db/a.sst", "db/b.sst", "--plot=drawings"])
        .failed(1, &["drawings/a.sst.svg is there and no drawing"]);
    assert!(text.contains("drawn in drawings/b.sst.svg"), "{text}");
    assert!(text.contains("total of 2 files"), "{text}");
}

#[test]
fn a_database_may_be_open_meanwhile() {
    let directory = tempfile::tempdir().unwrap();
    let directory = directory.path();
    let mut options = base();
    mountdb::use_learned_table(&mut options).unwrap();
    let db = DB::open(&options, directory.join("db")).unwrap();
    for key in numbers(5000) {
        db.put(key, "value").unwrap();
    }
    db.flush().unwrap();
    let table = only_table(&directory.join("db"));
    let text = inspect(directory, &[table.to_str().unwrap()]).fine();
    assert!(text.contains("\nlearned "), "{text}");
    drop(db);
}
