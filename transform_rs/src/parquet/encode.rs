//! Parquet's encodings of values and levels.

use super::thrift::{varint, zigzag};

/// Values of a delta block; four miniblocks of 32.
const BLOCK: usize = 128;
const MINI: usize = 32;

/// A number that DELTA_BINARY_PACKED can hold; arithmetic wraps in the column's own width.
pub trait DeltaInt: Copy + Ord {
    /// `self - other`, wrapping in the column's width, as signed 64 bits.
    fn delta(self, other: Self) -> i64;
    /// `self` as signed 64 bits.
    fn wide(self) -> i64;
    /// `delta - least` as unsigned in the column's width.
    fn above(delta: i64, least: i64) -> u64;
}

impl DeltaInt for i32 {
    #[inline]
    fn delta(self, other: Self) -> i64 {
        i64::from(self.wrapping_sub(other))
    }
    #[inline]
    fn wide(self) -> i64 {
        i64::from(self)
    }
    #[inline]
    fn above(delta: i64, least: i64) -> u64 {
        u64::from((delta as u32).wrapping_sub(least as u32))
    }
}

impl DeltaInt for i64 {
    #[inline]
    fn delta(self, other: Self) -> i64 {
        self.wrapping_sub(other)
    }
    #[inline]
    fn wide(self) -> i64 {
        self
    }
    #[inline]
    fn above(delta: i64, least: i64) -> u64 {
        (delta as u64).wrapping_sub(least as u64)
    }
}

/// Append `values` as DELTA_BINARY_PACKED.
pub fn delta_binary_packed<T: DeltaInt>(values: &[T], out: &mut Vec<u8>) {
    varint(BLOCK as u64, out);
    varint((BLOCK / MINI) as u64, out);
    varint(values.len() as u64, out);
    let Some((first, rest)) = values.split_first() else {
        varint(0, out);
        return;
    };
    varint(zigzag(first.wide()), out);
    let mut before = *first;
    for block in rest.chunks(BLOCK) {
        before = delta_block(before, block, out);
    }
}

fn delta_block<T: DeltaInt>(mut before: T, block: &[T], out: &mut Vec<u8>) -> T {
    let mut deltas = [0_i64; BLOCK];
    let mut least = i64::MAX;
    for (slot, value) in deltas.iter_mut().zip(block) {
        *slot = value.delta(before);
        least = least.min(*slot);
        before = *value;
    }
    varint(zigzag(least), out);
    let mut above = [0_u64; BLOCK];
    for (slot, delta) in above.iter_mut().zip(&deltas[..block.len()]) {
        *slot = T::above(*delta, least);
    }
    let minis = above[..block.len().div_ceil(MINI) * MINI].chunks_exact(MINI);
    let mut widths = [0_u8; BLOCK / MINI];
    for (width, mini) in widths.iter_mut().zip(minis.clone()) {
        let all = mini.iter().fold(0, |all, value| all | value);
        *width = (64 - all.leading_zeros()) as u8;
    }
    out.extend_from_slice(&widths);
    for (width, mini) in widths.iter().zip(minis) {
        pack(mini, u32::from(*width), out);
    }
    before
}

/// Append `values` with `width` bits each, lowest bit first; their count is a multiple of 8.
fn pack(values: &[u64], width: u32, out: &mut Vec<u8>) {
    if width == 0 {
        return;
    }
    let mut held = 0_u64;
    let mut bits = 0;
    let mut bytes = [0_u8; 8 * MINI + 8];
    let mut len = 0;
    for value in values {
        held |= value << bits;
        bits += width;
        if bits >= 64 {
            bytes[len..len + 8].copy_from_slice(&held.to_le_bytes());
            len += 8;
            bits -= 64;
            held = if bits == 0 { 0 } else { value >> (width - bits) };
        }
    }
    let tail = bits.div_ceil(8) as usize;
    bytes[len..len + 8].copy_from_slice(&held.to_le_bytes());
    out.extend_from_slice(&bytes[..len + tail]);
}

/// Bits needed for numbers up to `most`.
pub fn width_of(most: u32) -> u32 {
    32 - most.leading_zeros()
}

/// Append one run of the RLE/bit-packing hybrid: `value` `count` times.
pub fn rle_run(value: u32, count: usize, width: u32, out: &mut Vec<u8>) {
    varint((count as u64) << 1, out);
    out.extend_from_slice(&value.to_le_bytes()[..width.div_ceil(8) as usize]);
}

/// Append `values` as RLE/bit-packing hybrid with `width` bits.
///
/// Runs of 8 and more become RLE runs; what lies between is bit-packed in groups of 8.
pub fn hybrid(values: &[u32], width: u32, out: &mut Vec<u8>) {
    let mut at = 0;
    let mut packed_from = 0;
    while at < values.len() {
        let run = run_length(&values[at..]);
        // Bit-packed groups are whole, so a run lends the group before it what is missing.
        let lent = (8 - (at - packed_from) % 8) % 8;
        if run >= 8 + lent {
            bit_packed(&values[packed_from..at + lent], width, out);
            rle_run(values[at], run - lent, width, out);
            packed_from = at + run;
        }
        at += run;
    }
    bit_packed(&values[packed_from..], width, out);
}

fn run_length(values: &[u32]) -> usize {
    let first = values[0];
    values.iter().take_while(|value| **value == first).count()
}

fn bit_packed(values: &[u32], width: u32, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    varint((values.len().div_ceil(8) as u64) << 1 | 1, out);
    for group in values.chunks(MINI) {
        let mut wide = [0_u64; MINI];
        for (slot, value) in wide.iter_mut().zip(group) {
            *slot = u64::from(*value);
        }
        pack(&wide[..group.len().div_ceil(8) * 8], width, out);
    }
}

/// Append truth values, one bit each, lowest first.
pub fn booleans(values: &[bool], out: &mut Vec<u8>) {
    for eight in values.chunks(8) {
        let byte = eight.iter().enumerate().fold(0, |byte, (i, bit)| byte | u8::from(*bit) << i);
        out.push(byte);
    }
}
