//! A learned memtable.
#![allow(unsafe_code)]
mod cuts;
mod entry;
mod express;
mod iter;
mod leaf;
mod model;
mod router;
mod skeleton;
mod sorted;
mod split;
mod sync;
mod table;

pub use iter::Iter;
pub use skeleton::{Families, FamilyId, skeleton_bytes_held};
pub use table::{Arena, Memtable, Settings};

/// Asks for a cache line.
#[inline]
fn prefetch(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch reads nothing, whatever the address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

#[cfg(test)]
mod tests;
