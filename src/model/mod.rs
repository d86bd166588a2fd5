//! Models of a key distribution: arbitrary byte keys become integers
//! ([`projection`]), integers become ranks ([`pla`]).
#![forbid(unsafe_code)]

pub mod pla;
pub mod projection;

pub use pla::Pla;
pub use projection::project;
