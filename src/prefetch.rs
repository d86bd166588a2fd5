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

/// Asks for the lines of `len` bytes from `start` on, the first `lines` of them at most.
#[inline]
pub(crate) fn prefetch_lines(start: *const u8, len: usize, lines: usize) {
    let len = len.min(lines * LINE);
    let mut offset = 0;
    while offset < len {
        prefetch(start.wrapping_add(offset));
        offset += LINE;
    }
}
