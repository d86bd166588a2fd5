//! Masks.
#![forbid(unsafe_code)]

/// So many of the lowest bits, or all.
#[inline]
pub(crate) fn low(bits: u32) -> u64 {
    match bits < u64::BITS {
        true => (1 << bits) - 1,
        false => u64::MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::low;

    #[test]
    fn none_some_and_all() {
        let masks = [0, 1, 8, 63, 64, 65].map(low);
        assert_eq!(masks, [0, 1, 0xff, u64::MAX >> 1, u64::MAX, u64::MAX]);
    }
}
