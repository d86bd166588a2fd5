//! Asking for cache lines before they are needed, so that waits overlap.
#![expect(unsafe_code, reason = "the instruction takes any address")]

/// Bytes of a cache line.
pub(crate) const LINE: usize = 64;

/// Asks for the cache line of an address.
#[inline]
pub(crate) fn prefetch(address: *const u8) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch reads nothing, whatever the address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(address.cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = address;
}

/// Asks for the lines of `len` bytes from `start` on, about the first `lines` of them at most. Up to
/// three without a branch: how many it is cannot be predicted.
#[inline]
pub(crate) fn prefetch_lines(start: *const u8, len: usize, lines: usize) {
    let last = len.min(lines * LINE).saturating_sub(1);
    for line in 0..3 {
        prefetch(start.wrapping_add(last.min(line * LINE)));
    }
    let mut offset = 3 * LINE;
    while offset < last {
        prefetch(start.wrapping_add(offset));
        offset += LINE;
    }
    prefetch(start.wrapping_add(last));
}
