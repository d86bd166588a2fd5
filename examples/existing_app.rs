//! An application that already has a database: it switches mountdb on, works, and
//! switches it off again. Every key is there at every step.
//!
//! ```text
//! cargo run --release --example existing_app [DIRECTORY]
//! ```

use rocksdb::{DB, IteratorMode, Options};
use std::error::Error;
use std::path::Path;

const KEYS: u64 = 200_000;

fn key(i: u64) -> String {
    format!("user{:016x}", i.wrapping_mul(0x9e37_79b9_7f4a_7c15))
}

fn put_all(db: &DB, round: &str) -> Result<(), rocksdb::Error> {
    for i in 0..KEYS {
        db.put(key(i), format!("{round} {i}"))?;
    }
    db.flush()
}

/// Reads every key twice, by lookup and by scan, and compares with what was written.
fn check_all(db: &DB, rounds: &dyn Fn(u64) -> &'static str) -> Result<(), Box<dyn Error>> {
    for i in 0..KEYS {
        let expected = format!("{} {i}", rounds(i));
        match db.get(key(i))? {
            Some(value) if value == expected.as_bytes() => {}
            other => return Err(format!("{}: expected {expected}, found {other:?}", key(i)).into()),
        }
    }
    let scanned = db.iterator(IteratorMode::Start).count() as u64;
    if scanned != KEYS {
        return Err(format!("a scan found {scanned} of {KEYS} keys").into());
    }
    Ok(())
}

pub fn run(path: &Path) -> Result<(), Box<dyn Error>> {
    // 1. The application as it was, with plain RocksDB.
    let mut plain = Options::default();
    plain.create_if_missing(true);
    let db = DB::open(&plain, path)?;
    put_all(&db, "plain")?;
    check_all(&db, &|_| "plain")?;
    drop(db);
    println!("plain RocksDB wrote {KEYS} keys");

    // 2. The same application with mountdb: this is the line it adds.
    let learned = mountdb::options_from_string(&plain, "table_factory={id=mountdb}")?;
    let db = DB::open(&learned, path)?;
    println!("table factory now: {}", mountdb::db_factories(&db).table);
    check_all(&db, &|_| "plain")?;
    println!("old files read: {:?}", mountdb::counters());
    for i in (0..KEYS).step_by(2) {
        db.put(key(i), format!("mountdb {i}"))?;
    }
    db.flush()?;
    db.compact_range(None::<&[u8]>, None::<&[u8]>);
    let halves = |i: u64| {
        if i.is_multiple_of(2) {
            "mountdb"
        } else {
            "plain"
        }
    };
    check_all(&db, &halves)?;
    let counters = mountdb::counters();
    println!(
        "compacted: {} data blocks behind {} bytes of learned index",
        counters.index_blocks_held, counters.index_bytes_held
    );
    drop(db);

    // 3. And back: plain options, the files mountdb wrote.
    let db = DB::open(&plain, path)?;
    println!("table factory now: {}", mountdb::db_factories(&db).table);
    check_all(&db, &halves)?;
    println!("plain RocksDB reads every key that mountdb wrote");
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    match std::env::args_os().nth(1) {
        Some(directory) => run(Path::new(&directory)),
        None => {
            let directory =
                std::env::temp_dir().join(format!("mountdb-app-{}", std::process::id()));
            let result = run(&directory);
            std::fs::remove_dir_all(&directory)?;
            result
        }
    }
}
