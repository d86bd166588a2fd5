//! The block-aware learned index of one SST file.
//!
//! ```text
//!            internal key (user key, tag)
//!                      |
//!   separators    strip the prefix that all cuts share
//!            /                     \
//!   sequence: eight bytes        front: strings of any length
//!   as u64; model -> group       tree of models -> group; in the
//!            |                   quick form mostly codes: sixteen
//!            |                   bytes as u64; model -> node
//!            \                     /
//!      search of the group; in the quick form mostly
//!      of a node: 16 cuts in a cache line
//!                      |
//!                 block number
//!                      |
//!   handles       group -> line -> (offset, size)
//! ```
//!
//! Between two neighbouring data blocks lies a *cut*: a short key above the last key of
//! the one and not above the first key of the other. The number of cuts at or below a
//! target is the number of the block that holds it, or would hold it. The model only
//! says where to look: every answer is settled against the cuts themselves, so it is
//! exact for every key, present or not.
//!
//! The on-disk format is specified in `format`.
#![forbid(unsafe_code)]

mod builder;
mod codes;
mod cut;
mod format;
mod front;
mod handles;
mod node;
mod offsets;
mod quick;
mod reader;
mod separators;
mod sequence;
mod summary;

pub use builder::{BuildError, Builder};
pub use format::{Refusal, VERSION};
pub use handles::BlockHandle;
pub use reader::{LearnedIndex, Separator};
pub use summary::{Segment, Summary};

/// The tag of a cut that lies between two different user keys: above every tag RocksDB
/// can produce (its value types end at 0x7f), so that no version of the cut's user key
/// sorts before it.
const NO_TAG: u64 = u64::MAX;
