//! Models of a key distribution: arbitrary byte keys become integers
//! ([`projection`]), integers become ranks ([`pla`]), strings of any length become ranks
//! through a tree of both ([`directory`]).
#![forbid(unsafe_code)]

pub mod directory;
pub mod pla;
pub mod projection;

pub use directory::Directory;
pub use pla::Pla;
pub use projection::project;
