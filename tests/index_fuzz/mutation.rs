//! Damage that keeps to the fields of the format, half of the time.

use crate::corpus::Stored;
use crate::fields::fields;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use std::ops::Range;

/// One step of damage. Steps find their places when they are applied, in what the steps
/// before have left.
#[derive(Debug, Clone)]
pub enum Mutation {
    Flip(Place, u8),
    Set(Place, u8),
    /// Over one, two, four or eight bytes.
    Number(Place, usize, u64),
    /// A number close to the field's own.
    Step(Place, i8),
    /// In place of the field.
    Varint(Place, Vec<u8>),
    Truncate(Index),
    Extend(Vec<u8>),
    /// A field, or a part of several, from another block: its place there, in which block,
    /// and where it goes; instead of what is there or in front of it.
    Splice(Place, Index, Place, bool),
    Repeat(Place),
    Remove(Place),
    Exchange(Place, Place),
}

#[derive(Debug, Clone)]
pub enum Place {
    /// One of the names there are, and one of the fields of that name.
    Field(Index, Index),
    Anywhere(Index, usize),
}

impl Place {
    /// Name and range in `block`.
    fn find(&self, block: &[u8]) -> (&'static str, Range<usize>) {
        match self {
            Place::Field(name, number) => {
                let fields = fields(block);
                if !fields.is_empty() {
                    let name = *name.get(&fields.keys().collect::<Vec<_>>());
                    return (name, number.get(&fields[name]).clone());
                }
            }
            Place::Anywhere(at, len) if !block.is_empty() => {
                let at = at.index(block.len());
                return ("", at..(at + len).min(block.len()));
            }
            Place::Anywhere(..) => {}
        }
        ("", 0..block.len())
    }

    fn range(&self, block: &[u8]) -> Range<usize> {
        self.find(block).1
    }
}

impl Mutation {
    /// `others` are what splices are taken from.
    pub fn apply(&self, block: &mut Vec<u8>, others: &[Stored]) {
        match self {
            Mutation::Flip(place, bit) => {
                let at = place.range(block).start;
                if let Some(byte) = block.get_mut(at) {
                    *byte ^= 1 << bit;
                }
            }
            Mutation::Set(place, value) => {
                let at = place.range(block).start;
                if let Some(byte) = block.get_mut(at) {
                    *byte = *value;
                }
            }
            Mutation::Number(place, width, number) => {
                let start = place.range(block).start;
                write(&mut block[start..], *width, *number);
            }
            Mutation::Step(place, step) => {
                let range = place.range(block);
                let field = &mut block[range];
                let width = field.len().min(8);
                let mut own = [0; 8];
                own[..width].copy_from_slice(&field[..width]);
                let number = u64::from_le_bytes(own).wrapping_add_signed((*step).into());
                write(field, width, number);
            }
            Mutation::Varint(place, bytes) => {
                block.splice(place.range(block), bytes.iter().copied());
            }
            Mutation::Truncate(len) => block.truncate(len.index(block.len() + 1)),
            Mutation::Extend(bytes) => block.extend_from_slice(bytes),
            Mutation::Splice(from, other, to, over) => {
                let other = &other.get(others).block;
                let (name, mut to) = to.find(block);
                // What has the same name fits best.
                let from = match (from, fields(other).get(name)) {
                    (Place::Field(_, number), Some(same)) => number.get(same).clone(),
                    _ => from.range(other),
                };
                if !over {
                    to.end = to.start;
                }
                block.splice(to, other[from].iter().copied());
            }
            Mutation::Repeat(place) => {
                let range = place.range(block);
                let copy = block[range.clone()].to_vec();
                block.splice(range.start..range.start, copy);
            }
            Mutation::Remove(place) => {
                block.drain(place.range(block));
            }
            Mutation::Exchange(one, other) => {
                let (name, a) = one.find(block);
                let b = match (other, fields(block).get(name)) {
                    (Place::Field(_, number), Some(same)) => number.get(same).clone(),
                    _ => other.range(block),
                };
                let (a, b) = if a.start <= b.start { (a, b) } else { (b, a) };
                if a.end <= b.start {
                    let first = block[a.clone()].to_vec();
                    let second = block[b.clone()].to_vec();
                    // The one behind first: the other stays where it is.
                    block.splice(b, first);
                    block.splice(a, second);
                }
            }
        }
    }
}

/// The low bytes of `number` over the first `width` of `bytes`, as far as there are any.
fn write(bytes: &mut [u8], width: usize, number: u64) {
    for (byte, new) in bytes.iter_mut().zip(&number.to_le_bytes()[..width]) {
        *byte = *new;
    }
}

fn places() -> impl Strategy<Value = Place> {
    prop_oneof![
        (any::<Index>(), any::<Index>()).prop_map(|(name, number)| Place::Field(name, number)),
        (any::<Index>(), 1usize..24).prop_map(|(at, len)| Place::Anywhere(at, len)),
    ]
}

/// The limits of the format's fields and of the machine's words, and what lies beside them.
fn numbers() -> impl Strategy<Value = u64> {
    let limits = [4u32, 6, 7, 8, 15, 16, 24, 31, 32, 33, 40, 48, 62, 63];
    let beside = limits
        .iter()
        .flat_map(|&bit| [(1 << bit) - 1, 1 << bit, (1 << bit) + 1]);
    let edges = [0, 1, 2, 3, u64::MAX - 1, u64::MAX, u64::MAX << 16];
    let edges = beside.chain(edges).collect::<Vec<u64>>();
    prop_oneof![4 => select(edges), 1 => any::<u64>(), 1 => 0u64..300]
}

fn bytes() -> impl Strategy<Value = u8> {
    let edges = vec![
        0, 1, 0x0f, 0x10, 0x11, 0x1f, 0x3f, 0x40, 0x41, 0x7f, 0x80, 0xf0, 0xf1, 0xfe, 0xff,
    ];
    prop_oneof![2 => select(edges), 1 => any::<u8>()]
}

/// LEB128 of hostile numbers, longer than it must be, and without an end.
fn varints() -> impl Strategy<Value = Vec<u8>> {
    let leb = |mut number: u64| {
        let mut out = Vec::new();
        while number >= 0x80 {
            out.push(number as u8 | 0x80);
            number >>= 7;
        }
        out.push(number as u8);
        out
    };
    let odd: [&[u8]; 6] = [
        &[0x80, 0],
        &[0x80, 0x80, 0x80, 0x80, 0],
        &[0x80; 6],
        &[0xff, 0xff, 0xff, 0xff, 0x0f],
        &[0xff, 0xff, 0xff, 0xff, 0x10],
        &[0xff; 5],
    ];
    let odd = odd.map(<[u8]>::to_vec).to_vec();
    prop_oneof![3 => numbers().prop_map(leb), 1 => select(odd)]
}

pub fn mutations() -> impl Strategy<Value = Mutation> {
    let some_bytes = prop::collection::vec(bytes(), 1..40);
    // 16 is one in the upper half of a control byte.
    let steps = prop_oneof![-3i8..4, select(vec![-16i8, 16])];
    prop_oneof![
        3 => (places(), 0u8..8).prop_map(|(p, bit)| Mutation::Flip(p, bit)),
        3 => (places(), bytes()).prop_map(|(p, byte)| Mutation::Set(p, byte)),
        3 => (places(), select(vec![1, 2, 4, 8]), numbers())
            .prop_map(|(p, width, number)| Mutation::Number(p, width, number)),
        4 => (places(), steps).prop_map(|(p, step)| Mutation::Step(p, step)),
        2 => (places(), varints()).prop_map(|(p, bytes)| Mutation::Varint(p, bytes)),
        1 => any::<Index>().prop_map(Mutation::Truncate),
        1 => some_bytes.prop_map(Mutation::Extend),
        3 => (places(), any::<Index>(), places(), any::<bool>())
            .prop_map(|(from, other, to, over)| Mutation::Splice(from, other, to, over)),
        1 => places().prop_map(Mutation::Repeat),
        1 => places().prop_map(Mutation::Remove),
        2 => (places(), places()).prop_map(|(a, b)| Mutation::Exchange(a, b)),
    ]
}
