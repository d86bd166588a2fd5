//! LEB128 of a `u32`, as RocksDB and the learned block write lengths.

/// Why bytes do not begin with a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bad {
    /// They end inside of it.
    Short,
    /// It does not fit 32 bits, or goes on behind its fifth byte.
    Long,
}

/// The number that `bytes` begin with, and how many of them it takes.
pub(crate) fn get(bytes: &[u8]) -> Result<(u32, usize), Bad> {
    let mut value = 0u32;
    for (i, shift) in (0..32).step_by(7).enumerate() {
        let byte = *bytes.get(i).ok_or(Bad::Short)?;
        let bits = u32::from(byte & 0x7f);
        if shift == 28 && bits > 0xf {
            break;
        }
        value |= bits << shift;
        if byte < 0x80 {
            return Ok((value, i + 1));
        }
    }
    Err(Bad::Long)
}

/// Appends a number.
pub(crate) fn put(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn round_trip(value: u32, behind: Vec<u8>) {
            let mut out = Vec::new();
            put(&mut out, value);
            for len in 0..out.len() {
                prop_assert_eq!(get(&out[..len]), Err(Bad::Short));
            }
            let len = out.len();
            out.extend(behind);
            prop_assert_eq!(get(&out), Ok((value, len)));
        }
    }
}
