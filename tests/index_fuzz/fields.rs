//! Where the fields of a learned block lie: the format of `src/index/format.rs`, written anew.

use std::collections::BTreeMap;
use std::ops::Range;

/// Fields, and the parts they make up, by name.
pub type Fields = BTreeMap<&'static str, Vec<Range<usize>>>;

/// The fields of `block`; if it is damaged, those in front of the place that makes no sense.
pub fn fields(block: &[u8]) -> Fields {
    let mut walk = Walk {
        block,
        at: 0,
        found: Fields::new(),
    };
    let _ = walk.block();
    walk.found
}

struct Walk<'a> {
    block: &'a [u8],
    at: usize,
    found: Fields,
}

impl<'a> Walk<'a> {
    fn bytes(&mut self, name: &'static str, len: usize) -> Option<&'a [u8]> {
        let end = self.at.checked_add(len)?;
        let bytes = self.block.get(self.at..end)?;
        self.found.entry(name).or_default().push(self.at..end);
        self.at = end;
        Some(bytes)
    }

    fn number(&mut self, name: &'static str, width: usize) -> Option<u64> {
        let bytes = self.bytes(name, width)?.iter().rev();
        Some(bytes.fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn varint(&mut self, name: &'static str) -> Option<usize> {
        let rest = self.block.get(self.at..)?;
        let more = rest.iter().take_while(|&&byte| byte >= 0x80).count();
        let bytes = self.bytes(name, 1 + more.min(4))?.iter().rev();
        Some(bytes.fold(0, |number, byte| number << 7 | usize::from(byte & 0x7f)))
    }

    fn part(
        &mut self,
        name: &'static str,
        inner: impl FnOnce(&mut Self) -> Option<()>,
    ) -> Option<()> {
        let start = self.at;
        inner(self)?;
        self.found.entry(name).or_default().push(start..self.at);
        Some(())
    }

    fn block(&mut self) -> Option<()> {
        self.bytes("magic", 8)?;
        self.number("version", 2)?;
        let contiguous = self.number("flags", 2)? & 1 != 0;
        self.number("checksum", 4)?;
        let blocks = self.number("blocks", 4)?;
        if blocks > 0 {
            self.number("last-tag", 8)?;
            self.string("last-key")?;
            self.part("handles", |walk| {
                if contiguous {
                    walk.number("gap", 4)?;
                    walk.sequence("offsets")
                } else {
                    walk.sequence("offsets")?;
                    walk.sequence("ends")
                }
            })?;
        }
        if blocks > 1 {
            self.part("separators", |walk| {
                walk.string("prefix")?;
                match walk.number("form", 1)? {
                    0 => walk.sequence("ranks"),
                    1 => walk.front(blocks - 1),
                    _ => None,
                }
            })?;
        }
        Some(())
    }

    fn string(&mut self, name: &'static str) -> Option<()> {
        let len = self.varint("length")?;
        self.bytes(name, len)?;
        Some(())
    }

    fn sequence(&mut self, name: &'static str) -> Option<()> {
        self.part(name, |walk| {
            let count = walk.number("count", 4)?;
            let groups = count.div_ceil(64);
            for _ in 0..groups {
                walk.number("first", 8)?;
            }
            let mut residuals = 0;
            for group in 0..groups {
                walk.number("slope", 8)?;
                walk.number("frac", 1)?;
                walk.number("shift", 1)?;
                let bits = walk.number("width", 1)? * (count - 64 * group).min(64);
                residuals += bits.div_ceil(8);
            }
            walk.bytes("residuals", residuals as usize)?;
            Some(())
        })
    }

    fn front(&mut self, cuts: u64) -> Option<()> {
        self.part("tags", |walk| {
            for _ in 0..walk.varint("tag-count")? {
                walk.varint("cuts-skipped")?;
                walk.number("tag", 8)?;
            }
            Some(())
        })?;
        self.part("cuts", |walk| {
            walk.number("cuts-size", 4)?;
            (0..cuts).try_for_each(|i| {
                let control = if i % 16 == 0 { "restart" } else { "control" };
                walk.part("cut", |walk| walk.cut(control))
            })
        })
    }

    fn cut(&mut self, control: &'static str) -> Option<()> {
        let control = self.number(control, 1)?;
        let mut long = |name, half: u64| match half {
            15 => Some(15 + self.varint(name)?),
            _ => Some(half as usize),
        };
        long("long-shared", control >> 4)?;
        let len = long("long-suffix", control & 15)?;
        self.bytes("suffix", len)?;
        Some(())
    }
}
