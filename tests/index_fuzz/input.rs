//! Damaged blocks and what to try with them.

use crate::corpus::{Stored, end};
use crate::mutation::mutations;
use crate::seal::seal;
use mountdb::index::{LearnedIndex, VERSION};
use proptest::prelude::*;
use proptest::sample::select;
use std::fmt;

pub struct Input {
    /// What was damaged.
    pub base: &'static Stored,
    pub block: Vec<u8>,
    pub file_size: u64,
    /// Keys and tags to seek.
    pub targets: Vec<(Vec<u8>, u64)>,
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.base.name;
        write!(f, "{name}, damaged, in a file of {}: ", self.file_size)?;
        for byte in &self.block {
            write!(f, "{byte:02x}")?;
        }
        write!(f, "; targets {:x?}", self.targets)
    }
}

/// What is put right again behind the damage.
#[derive(Debug, Clone)]
enum Right {
    Nothing,
    Checksum,
    /// All of the header, so that what lies behind it is read.
    Header,
}

impl Right {
    fn put(&self, block: &mut [u8]) {
        if let (Right::Header, Some(header)) = (self, block.get_mut(..12)) {
            header[..8].copy_from_slice(b"MNTDBIDX");
            header[8..10].copy_from_slice(&VERSION.to_le_bytes());
            header[10] &= 1;
            header[11] = 0;
        }
        if !matches!(self, Right::Nothing) {
            seal(block);
        }
    }
}

#[derive(Debug, Clone)]
enum FileSize {
    Any(u64),
    /// So much more than the block that was damaged needs.
    Beside(i64),
}

impl FileSize {
    fn beside(&self, base: &[u8]) -> u64 {
        match *self {
            FileSize::Any(size) => size,
            FileSize::Beside(more) => LearnedIndex::parse(base, u64::MAX)
                .map_or(0, |index| end(&index))
                .saturating_add_signed(more),
        }
    }
}

/// Damage to one of `bases`, with pieces of the others.
pub fn inputs(bases: &'static [Stored]) -> impl Strategy<Value = Input> {
    let all: Vec<&Stored> = bases.iter().collect();
    let mut accepted = all.clone();
    accepted.retain(|base| LearnedIndex::parse(&base.block, u64::MAX).is_ok());
    // What is damaged much, or has been before, is mostly refused.
    let base = prop_oneof![3 => select(accepted), 1 => select(all)];
    let damage = prop_oneof![
        3 => prop::collection::vec(mutations(), 1),
        2 => prop::collection::vec(mutations(), 2..4),
        1 => prop::collection::vec(mutations(), 4..9),
    ];
    let right = prop_oneof![
        1 => Just(Right::Nothing),
        1 => Just(Right::Checksum),
        18 => Just(Right::Header),
    ];
    let file_size = prop_oneof![
        3 => Just(FileSize::Any(u64::MAX)),
        1 => any::<u64>().prop_map(FileSize::Any),
        1 => (-2i64..3).prop_map(FileSize::Beside),
    ];
    let target = (prop::collection::vec(any::<u8>(), 0..20), 0..u64::MAX);
    let targets = prop::collection::vec(target, 0..8);
    (base, damage, right, file_size, targets).prop_map(
        move |(base, damage, right, file_size, targets)| {
            let mut block = base.block.clone();
            for mutation in damage {
                mutation.apply(&mut block, bases);
            }
            right.put(&mut block);
            Input {
                base,
                block,
                file_size: file_size.beside(&base.block),
                targets,
            }
        },
    )
}
