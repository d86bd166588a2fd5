//! Damaged learned blocks, and sealed ones that are not those of the file: the file is
//! read through its standard index, and no answer changes.
#![cfg(feature = "rocksdb")]

#[path = "common/db.rs"]
mod db;
#[path = "common/reasons.rs"]
mod reasons;
#[path = "common/seal.rs"]
mod seal;
#[path = "common/victim.rs"]
mod victim;

use db::{
    MAGIC, Model, TRAILER, alone, check, compact_all, counted, fill, learned, log, only_table,
};
use mountdb::index::BlockHandle;
use reasons::{assert_reason, files, reasons};
use rocksdb::DB;
use seal::seal;
use std::fs;
use victim::{KEYS, NO_CHECKSUM, Victim, entries, forge, handles};

/// The last key is stored whole in the learned block: a long one makes room for others in
/// its place.
fn roomy_entries() -> Model {
    let mut model = entries(KEYS);
    model.insert(vec![b'z'; 400], b"long".to_vec());
    model
}

/// Flips bits of every byte of the learned block.
fn flip_everything(fields: &str, reason: impl Fn(usize) -> &'static str) {
    let victim = Victim::new(fields, KEYS);
    victim.assert_sound();
    let mut file = victim.block.file.clone();
    for offset in 0..victim.block.len {
        for bit in [0, 7, offset % 6 + 1] {
            let at = victim.block.at + offset;
            file[at] ^= 1 << bit;
            victim.assert_corrupt(&file, &format!("byte {offset} bit {bit}"), reason(offset));
            file[at] ^= 1 << bit;
        }
    }
    victim.assert_sound();
}

#[test]
fn every_byte_of_the_learned_block_flipped() {
    let _alone = alone();
    flip_everything("block_size=512", |_| "cannot read the learned block");
}

/// RocksDB does not notice; the learned block's own checksum must.
#[test]
fn every_byte_flipped_without_rocksdb_checksums() {
    let _alone = alone();
    flip_everything(NO_CHECKSUM, |offset| match offset {
        0..8 => "not a learned index block",
        _ => "checksum mismatch",
    });
}

/// The trailer that RocksDB puts behind the block.
#[test]
fn the_trailer_flipped() {
    let _alone = alone();
    for fields in ["block_size=512", NO_CHECKSUM] {
        let victim = Victim::new(fields, KEYS);
        for offset in 0..TRAILER {
            // The checksum covers the compression type, if there is one. The field for it
            // is there in any case, and bound to the file.
            let noticed = fields != NO_CHECKSUM || offset > 0;
            for bit in 0..8 {
                let mut file = victim.block.file.clone();
                file[victim.block.at + victim.block.len + offset] ^= 1 << bit;
                let (grown, _) = victim.read_damaged(&file);
                let expected = if noticed { (0, 1) } else { (1, 0) };
                assert_eq!(files(&grown), expected, "{fields}: byte {offset} bit {bit}");
                assert_eq!(grown.corrupt, u64::from(noticed));
            }
        }
        victim.assert_sound();
    }
}

/// Damage in the directory of meta blocks, unnoticed by RocksDB: the block is somewhere
/// else, longer, shorter, or has another name.
#[test]
fn the_learned_block_is_not_where_the_file_says() {
    let _alone = alone();
    let victim = Victim::new(NO_CHECKSUM, KEYS);
    let (len_field, width) = victim.block.len_field;
    assert_eq!(width, 2, "the lengths below need two bytes");
    let len = victim.block.len;
    for other in [0, 1, 7, 8, 15, 16, 17, len - 1, len + 1, 0x3fff] {
        let mut file = victim.block.file.clone();
        file[len_field] = other as u8 & 0x7f | 0x80;
        file[len_field + 1] = (other >> 7) as u8;
        let (grown, log) = victim.read_damaged(&file);
        assert_eq!(files(&grown), (0, 1), "length {other}");
        match other {
            // An empty block stands for none.
            0 => assert_eq!(grown.no_learned_block, 1),
            _ => assert_eq!(grown.corrupt, 1, "length {other}"),
        }
        assert_eq!(reasons(&log, &victim.table).len(), 1, "length {other}");
    }
    // The offset is the varint in front of the length, the name is in front of that.
    for back in 1..=20 {
        for bit in [0, 3, 6] {
            let mut file = victim.block.file.clone();
            file[len_field - back] ^= 1 << bit;
            let (grown, _) = victim.read_damaged(&file);
            assert_eq!(files(&grown), (0, 1), "{back} bytes before the length");
        }
    }
    victim.assert_sound();
}

#[test]
fn unknown_version() {
    let _alone = alone();
    let victim = Victim::new(NO_CHECKSUM, KEYS);
    for version in [0, 2, 3, 0x101, u16::MAX] {
        let mut block = victim.block.bytes().to_vec();
        assert_eq!(&block[8..10], &mountdb::index::VERSION.to_le_bytes());
        block[8..10].copy_from_slice(&version.to_le_bytes());
        seal(&mut block);
        let (grown, log) = victim.read_damaged(&victim.block.replaced_by(&block));
        assert_eq!(files(&grown), (0, 1), "version {version}");
        assert_eq!(grown.unknown_version, 1, "version {version}: {grown:?}");
        let reason = format!("learned index version {version}, this library reads 1");
        assert_reason(&log, &victim.table, &reason);
    }
    // The tool of this test seals as mountdb does.
    let mut same = victim.block.bytes().to_vec();
    seal(&mut same);
    assert_eq!(same, victim.block.bytes());
    // A new version in a block whose checksum is wrong is damage, not a version.
    let mut file = victim.block.file.clone();
    file[victim.block.at + 8] ^= 2;
    victim.assert_corrupt(&file, "version flipped", "checksum mismatch");
}

fn short_keys(i: usize) -> (Vec<u8>, u64) {
    (vec![b'a', i as u8], 1)
}

/// Blocks that are sealed and well-formed, but not those of this file.
#[test]
fn sealed_nonsense() {
    let _alone = alone();
    let victim = Victim::with(NO_CHECKSUM, roomy_entries());
    let own = handles(&victim.block);
    let size = victim.block.file.len() as u64;
    let count = own.len();

    // The tool works: the right handles are taken (with keys that find nothing).
    let forged = forge(&own, short_keys);
    fs::write(&victim.table, victim.block.replaced_by(&forged)).expect("a new block");
    let (db, grown) = counted(|| {
        DB::open_for_read_only(&learned(""), victim.directory.path(), false).expect("open")
    });
    assert_eq!(files(&grown), (1, 0), "the control is accepted");
    drop(db);
    fs::write(&victim.table, &victim.block.file).expect("repair");

    let refuse = |block: &[u8], what: &str, reason: &str| {
        victim.assert_corrupt(&victim.block.replaced_by(block), what, reason);
    };
    let reason = |n: usize| format!("learned index of {n} data blocks in a file of {count}");
    for fewer in [0, 1, 2, count - 1] {
        let forged = forge(&own[..fewer], short_keys);
        refuse(&forged, &format!("{fewer} blocks"), &reason(fewer));
    }
    let mut more = own.clone();
    let last = more[count - 1];
    more.push(BlockHandle {
        offset: last.offset + last.size,
        size: 1,
    });
    refuse(
        &forge(&more, short_keys),
        "one block more",
        &reason(count + 1),
    );

    let outside = "block handle outside of the file";
    for offset in [size - last.size + 1, size, u64::from(u32::MAX), 1 << 60] {
        let mut handles = own.clone();
        handles[count - 1].offset = offset;
        refuse(
            &forge(&handles, short_keys),
            "a handle behind the end",
            outside,
        );
    }

    let mut longer = forge(&own, short_keys);
    longer.push(0);
    seal(&mut longer);
    refuse(&longer, "a byte behind the end", "bytes behind the end");
    for cut in [1, 8, longer.len() / 2, longer.len() - 17] {
        let mut shorter = longer[..longer.len() - 1 - cut].to_vec();
        seal(&mut shorter);
        refuse(&shorter, "bytes missing at the end", "learned index");
    }
    let mut flags = forge(&own, short_keys);
    flags[11] |= 0x80;
    seal(&mut flags);
    refuse(&flags, "unknown flags", "unknown flags");
    for len in 0..16 {
        let file = victim.block.replaced_by(&longer[..len]);
        let (grown, _) = victim.read_damaged(&file);
        assert_eq!(files(&grown), (0, 1), "the first {len} bytes");
        assert_eq!(grown.no_learned_block, u64::from(len == 0));
    }
    let mut zeros = vec![0; victim.block.len];
    refuse(&zeros, "zeros", "not a learned index block");
    zeros[..8].copy_from_slice(MAGIC);
    refuse(&zeros, "zeros behind the magic", "checksum mismatch");
    seal(&mut zeros);
    let (grown, _) = victim.read_damaged(&victim.block.replaced_by(&zeros));
    assert_eq!((files(&grown), grown.unknown_version), ((0, 1), 1));
    victim.assert_sound();
}

/// A learned block says nothing of the file it belongs to but its number of data blocks and
/// where they lie. What protects against another file's block is RocksDB's checksum: from
/// format_version 6 on it depends on the file and on the block's place in it.
#[test]
fn the_learned_block_of_another_file() {
    let _alone = alone();
    let victim = Victim::new(NO_CHECKSUM, KEYS);
    let count = victim.block.index().blocks();
    let shorter = Victim::new(NO_CHECKSUM, KEYS - 60);
    assert!(shorter.block.len <= victim.block.len);
    let other_count = shorter.block.index().blocks();
    assert_ne!(other_count, count);
    victim.assert_corrupt(
        &victim.block.replaced_by(shorter.block.bytes()),
        "a file with fewer data blocks",
        &format!("learned index of {other_count} data blocks in a file of {count}"),
    );

    // As many data blocks, at the same places, with other keys.
    let rename = |mut key: Vec<u8>| {
        key[2] += 1;
        key
    };
    let twin = |fields| {
        let entries = entries(KEYS).into_iter();
        Victim::with(fields, entries.map(|(k, v)| (rename(k), v)).collect())
    };
    let other = twin(NO_CHECKSUM);
    assert_eq!(other.block.len, victim.block.len);
    assert_eq!(handles(&other.block), handles(&victim.block));
    let file = victim.block.replaced_by(other.block.bytes());
    fs::write(&victim.table, &file).expect("a transplant");
    let (db, grown) = counted(|| {
        DB::open_for_read_only(&learned(""), victim.directory.path(), false).expect("open")
    });
    // Without checksums nobody can tell, as with the standard index of that file.
    assert_eq!(files(&grown), (1, 0));
    drop(db);

    // With checksums RocksDB can, although block and checksum were copied together.
    let victim = Victim::new("block_size=512", KEYS);
    let other = twin("block_size=512");
    assert_eq!(other.block.len, victim.block.len);
    assert_eq!(other.block.at, victim.block.at, "the same place");
    let mut file = victim.block.file.clone();
    let place = victim.block.at..victim.block.at + victim.block.len + TRAILER;
    file[place.clone()].copy_from_slice(&other.block.file[place]);
    victim.assert_corrupt(
        &file,
        "a twin's block with its trailer",
        "cannot read the learned block",
    );
}

/// Writing goes on after damage, and compaction repairs.
#[test]
fn a_damaged_database_is_written_and_repaired() {
    let _alone = alone();
    for fields in ["block_size=512", NO_CHECKSUM] {
        let victim = Victim::new(fields, KEYS);
        let mut file = victim.block.file.clone();
        file[victim.block.at + victim.block.len / 2] ^= 0x10;
        fs::write(&victim.table, file).expect("damage");
        let path = victim.directory.path();
        let mut model = victim.model.clone();
        let (db, grown) = counted(|| DB::open(&learned(fields), path).expect("open"));
        assert_eq!((files(&grown), grown.corrupt), ((0, 1), 1));
        assert_reason(&log(path), &victim.table, "learned");
        check(&db, &model);
        fill(&db, &mut model, 100..400, "after");
        check(&db, &model);
        let (_, grown) = counted(|| compact_all(&db));
        assert_eq!(files(&grown), (1, 0));
        check(&db, &model);
        drop(db);
        assert_ne!(only_table(path), victim.table);
        let (_, grown) = counted(|| DB::open(&learned(""), path).expect("open"));
        assert_eq!(files(&grown), (1, 0));
    }
}
