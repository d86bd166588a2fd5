//! Models of a key distribution: arbitrary byte keys become integers ([`projection`]),
//! integers become ranks ([`histogram`]), strings of any length become ranks through a tree
//! of both ([`directory`]).
#![forbid(unsafe_code)]

pub mod alphabet;
pub mod directory;
pub mod histogram;
pub mod projection;

pub use alphabet::Alphabet;
pub use directory::Directory;
pub use projection::project;
