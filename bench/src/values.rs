//! Values that anybody can compute again.
//!
//! A value is a pure function of its key, the run's seed, how often the record was
//! written (its generation) and its size, so every read is checked in full without
//! keeping a copy of the data. The key is hashed once, while a run is planned; the timed loop
//! only makes the value's *mark* of hash and generation.

/// The smallest value size in bytes: a value begins with its mark.
pub const MIN_SIZE: usize = 8;

const WORD: usize = 8;
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
const MULTIPLIER: u64 = 0xD6E8_FEB8_6659_FD93;

/// What a key adds to the marks of its values, in a run with this seed.
pub fn hash(key: &[u8], seed: u64) -> u64 {
    let mut hash = scramble(seed ^ STEP);
    for chunk in key.chunks(WORD) {
        hash = scramble(hash ^ padded(chunk)).wrapping_add(STEP);
    }
    // The length tells a key from the same key with zero bytes at its end.
    scramble(hash ^ key.len() as u64)
}

/// The mark of the value that the key with this [`hash`] holds after `generation` updates.
#[inline]
pub fn mark(hash: u64, generation: u64) -> u64 {
    scramble(hash ^ STEP.wrapping_mul(generation))
}

/// The mark of the first value of a key.
pub fn first_mark(key: &[u8], seed: u64) -> u64 {
    mark(hash(key, seed), 0)
}

/// Fills `value` with the bytes that belong to `mark`.
pub fn fill(value: &mut [u8], mark: u64) {
    for (i, chunk) in (0u64..).zip(value.chunks_mut(WORD)) {
        chunk.copy_from_slice(&word(mark, i).to_le_bytes()[..chunk.len()]);
    }
}

/// Whether `value` is, byte for byte, what [`fill`] writes for `mark` into `size` bytes.
#[inline]
pub fn matches(value: &[u8], size: usize, mark: u64) -> bool {
    if value.len() != size {
        return false;
    }
    let (words, tail) = value.as_chunks::<WORD>();
    let mut difference = 0;
    for (i, found) in (0u64..).zip(words) {
        difference |= u64::from_le_bytes(*found) ^ word(mark, i);
    }
    let expected = word(mark, words.len() as u64).to_le_bytes();
    difference == 0 && *tail == expected[..tail.len()]
}

/// Word `i` of a value. Words do not depend on each other, so that the processor can
/// check several at once.
fn word(mark: u64, i: u64) -> u64 {
    if i == 0 {
        mark
    } else {
        scramble(mark.wrapping_add(i.wrapping_mul(STEP)))
    }
}

fn scramble(x: u64) -> u64 {
    let x = (x ^ (x >> 32)).wrapping_mul(MULTIPLIER);
    x ^ (x >> 29)
}

fn padded(chunk: &[u8]) -> u64 {
    let mut word = [0; WORD];
    word[..chunk.len()].copy_from_slice(chunk);
    u64::from_le_bytes(word)
}
