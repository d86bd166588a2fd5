//! Everything an entry can be - versions under snapshots, merges, deletions of every kind,
//! blobs, ingested files - done to two databases at once, one with mountdb's table and one
//! with the stock table, which must then agree at every snapshot.
#![cfg(feature = "rocksdb")]

#[path = "common/agree.rs"]
mod agree;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use rocksdb::{
    DB, IngestExternalFileOptions, MergeOperands, Options, ReadOptions, SnapshotWithThreadMode,
    SstFileWriter, WriteBatch,
};
use std::path::Path;

fn concat(_: &[u8], old: Option<&[u8]>, operands: &MergeOperands) -> Option<Vec<u8>> {
    let mut value = old.unwrap_or(b"").to_vec();
    operands
        .iter()
        .for_each(|operand| value.extend_from_slice(operand));
    Some(value)
}

struct Twins {
    ours: DB,
    stock: DB,
}

impl Twins {
    /// Blocks of a few entries, so that the versions of one key need many blocks.
    fn open(directory: &Path, general: &str) -> Twins {
        let open = |name: &str, id: &str| {
            let mut base = Options::default();
            base.create_if_missing(true);
            base.set_merge_operator_associative("concat", concat);
            let string = format!(
                "disable_auto_compactions=true;target_file_size_base=32768;{general};\
                 table_factory={{id={id};block_size=150}}"
            );
            let options = mountdb::options_from_string(&base, &string).expect(&string);
            DB::open(&options, directory.join(name)).expect("open")
        };
        Twins {
            ours: open("ours", "mountdb"),
            stock: open("stock", "BlockBasedTable"),
        }
    }

    fn both<T>(&self, work: impl Fn(&DB) -> Result<T, rocksdb::Error>) {
        work(&self.ours).expect("mountdb");
        work(&self.stock).expect("stock");
    }

    fn compact(&self) {
        self.both(|db| {
            db.flush()?;
            db.compact_range(None::<&[u8]>, None::<&[u8]>);
            Ok(())
        });
    }

    fn check(&self, targets: &[Vec<u8>], at: &[[SnapshotWithThreadMode<'_, DB>; 2]]) -> usize {
        let now = ReadOptions::default;
        agree::check_bounds(&self.ours, &self.stock, &targets[..targets.len().min(30)]);
        let found = agree::check_reads(&self.ours, &self.stock, targets, [&now; 2]);
        for [ours, stock] in at {
            let as_of = |snapshot: &SnapshotWithThreadMode<'_, DB>| {
                let mut options = ReadOptions::default();
                options.set_snapshot(snapshot);
                options
            };
            let options: [agree::MakeOptions<'_>; 2] = [&|| as_of(ours), &|| as_of(stock)];
            agree::check_reads(&self.ours, &self.stock, targets, options);
        }
        found
    }

    fn snapshots(&self) -> [SnapshotWithThreadMode<'_, DB>; 2] {
        [self.ours.snapshot(), self.stock.snapshot()]
    }
}

/// Few keys, so that operations meet: prefixes of one another, zero tails, long ones.
fn key(i: usize) -> Vec<u8> {
    match i % 4 {
        0 => format!("key{:03}", i / 4).into_bytes(),
        1 => [format!("key{:03}", i / 4).as_bytes(), &vec![0; 1 + i % 3]].concat(),
        2 => format!("key{:03}/a long tail that many keys share", i / 4).into_bytes(),
        _ => [&[0xff, 0xff], &i.to_be_bytes()[..]].concat(),
    }
}

fn random_batch(rng: &mut StdRng, keys: usize, puts: &mut usize) -> WriteBatch {
    let mut batch = WriteBatch::default();
    for _ in 0..rng.random_range(1..20) {
        let k = key(rng.random_range(0..keys));
        let value = format!("{puts:05}{}", "x".repeat(rng.random_range(0..80)));
        *puts += 1;
        match rng.random_range(0..20) {
            0..=10 => batch.put(&k, value),
            11..=14 => batch.merge(&k, &value[..5]),
            15..=17 => batch.delete(&k),
            18 => {
                let to = key(rng.random_range(0..keys));
                let (from, to) = if k <= to { (k, to) } else { (to, k) };
                if rng.random_ratio(1, 4) {
                    batch.delete_range(from, to);
                }
            }
            _ => batch.put(&k, []),
        }
    }
    batch
}

/// Uncompressed files, read through the block cache and mapped.
const MODES: [&str; 2] = [
    "compression=kNoCompression",
    "compression=kNoCompression;allow_mmap_reads=true",
];

fn random_history(general: &str, seed: u64) {
    const KEYS: usize = 120;
    let directory = tempfile::tempdir().expect("a directory");
    let twins = Twins::open(directory.path(), general);
    let mut rng = StdRng::seed_from_u64(seed);
    let mut snapshots = Vec::new();
    let mut puts = 0;
    let targets: Vec<Vec<u8>> = (0..KEYS + 4)
        .map(key)
        .chain([vec![], vec![0xff; 20], b"key".to_vec(), b"key010/".to_vec()])
        .collect();
    for step in 0..240 {
        let batch = random_batch(&mut rng, KEYS, &mut puts);
        let bytes = batch.data().to_vec();
        twins.both(|db| db.write(WriteBatch::from_data(&bytes)));
        match step % 40 {
            7 | 21 | 33 => snapshots.push(twins.snapshots()),
            15 => twins.both(DB::flush),
            30 => twins.compact(),
            _ => {}
        }
        if step % 80 == 79 {
            twins.check(&targets, &snapshots);
        }
    }
    twins.compact();
    let found = twins.check(&targets, &snapshots);
    assert!(found > KEYS / 4, "only {found} keys left to compare");
    // The newest versions alone: files are rewritten without the others.
    drop(snapshots);
    twins.compact();
    twins.check(&targets, &[]);
}

#[test]
fn random_histories_agree_at_every_snapshot() {
    for mode in MODES {
        (0..4).for_each(|seed| random_history(mode, seed));
    }
    random_history("compression=kLZ4Compression", 5);
}

#[test]
fn random_histories_with_blobs_agree() {
    let blobs = "enable_blob_files=true;min_blob_size=40;enable_blob_garbage_collection=true";
    random_history(blobs, 11);
    random_history(&format!("{blobs};{}", MODES[1]), 12);
}

#[test]
fn hundreds_of_versions_of_one_key() {
    MODES.into_iter().for_each(hundreds_of_versions);
}

fn hundreds_of_versions(mode: &str) {
    let directory = tempfile::tempdir().expect("a directory");
    let twins = Twins::open(directory.path(), mode);
    let mut snapshots = Vec::new();
    for version in 0..300 {
        let value = format!("{version} {}", "v".repeat(100));
        twins.both(|db| {
            db.put("a", &value)?;
            db.put("hot", &value)?;
            db.put("hot\0", &value)
        });
        snapshots.push(twins.snapshots());
    }
    twins.compact();
    let targets = ["", "a", "b", "hos", "hot", "hot\0", "hot\0\0", "z"];
    let targets = targets.map(|t| t.as_bytes().to_vec());
    assert_eq!(twins.check(&targets, &snapshots), 3);
}

#[test]
fn single_deletes_agree() {
    MODES.into_iter().for_each(single_deletes);
}

fn single_deletes(mode: &str) {
    let directory = tempfile::tempdir().expect("a directory");
    let twins = Twins::open(directory.path(), mode);
    let targets: Vec<Vec<u8>> = (0..200).map(key).collect();
    twins.both(|db| targets.iter().try_for_each(|k| db.put(k, "once")));
    let snapshots = vec![twins.snapshots()];
    twins.both(DB::flush);
    twins.both(|db| {
        let mut batch = WriteBatch::default();
        targets
            .iter()
            .step_by(3)
            .for_each(|k| batch.single_delete(k));
        db.write(batch)
    });
    twins.both(DB::flush);
    twins.check(&targets, &snapshots);
    twins.compact();
    assert_eq!(twins.check(&targets, &snapshots), 200 - 67);
}

#[test]
fn ingested_files_agree() {
    let directory = tempfile::tempdir().expect("a directory");
    let twins = Twins::open(directory.path(), "compression=kNoCompression");
    let targets: Vec<Vec<u8>> = {
        let mut keys: Vec<_> = (0..300).map(key).collect();
        keys.sort();
        keys
    };
    twins.both(|db| {
        targets
            .iter()
            .step_by(2)
            .try_for_each(|k| db.put(k, "before"))
    });
    let snapshots = vec![twins.snapshots()];
    let before = mountdb::counters().files_learned;

    // The same file for both: written with mountdb's table, it is a plain table file.
    let string = "table_factory={id=mountdb;block_size=150}";
    let options = mountdb::options_from_string(&Options::default(), string).expect(string);
    let file = directory.path().join("external.sst");
    let mut writer = SstFileWriter::create(&options);
    writer.open(&file).expect("open");
    for k in targets.iter().step_by(3) {
        writer.put(k, "ingested").expect("put");
    }
    writer.finish().expect("finish");
    // RocksDB may move the file to a newer sequence number than it was written with.
    let mut ingest = IngestExternalFileOptions::default();
    ingest.set_move_files(false);
    twins.both(|db| db.ingest_external_file_opts(&ingest, vec![&file]));

    twins.check(&targets, &snapshots);
    assert!(
        mountdb::counters().files_learned > before,
        "the ingested file is learned"
    );
    twins.both(|db| {
        targets
            .iter()
            .step_by(5)
            .try_for_each(|k| db.put(k, "after"))
    });
    twins.compact();
    assert_eq!(twins.check(&targets, &snapshots), 220);
}
