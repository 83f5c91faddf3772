//! Parquet's RLE/bit-packing hybrid, for numbers of texts and for definition levels.
//!
//! Source: Apache Parquet, "Encodings", Run Length Encoding / Bit-Packing Hybrid (RLE = 3). The
//! crate has an encoder too, but does not export it without the arrow crates.

/// Values in a bit-packed group.
const GROUP: usize = 8;

/// Bits needed for numbers up to `most`.
pub fn width_of(most: u32) -> u32 {
    32 - most.leading_zeros()
}

/// Append runs of rows with and without value as levels 1 and 0.
pub fn runs(runs: &[(bool, u32)], out: &mut Vec<u8>) {
    for (is_there, count) in runs {
        rle_run(u32::from(*is_there), *count as usize, 1, out);
    }
}

fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn rle_run(value: u32, count: usize, width: u32, out: &mut Vec<u8>) {
    varint((count as u64) << 1, out);
    out.extend_from_slice(&value.to_le_bytes()[..width.div_ceil(8) as usize]);
}

/// Append `values`, each below 2^`width`.
///
/// Runs of 8 and more become RLE runs; what lies between is bit-packed in groups of 8.
pub fn hybrid(values: &[u32], width: u32, out: &mut Vec<u8>) {
    let mut at = 0;
    let mut packed_from = 0;
    while at < values.len() {
        let run = run_length(&values[at..]);
        // Bit-packed groups are whole, so a run lends the group before it what is missing.
        let lent = (GROUP - (at - packed_from) % GROUP) % GROUP;
        if run >= GROUP + lent {
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
    let groups = values.len().div_ceil(GROUP);
    varint((groups as u64) << 1 | 1, out);
    let end = out.len() + groups * width as usize;
    let (mut held, mut bits) = (0_u64, 0);
    for value in values {
        held |= u64::from(*value) << bits;
        bits += width;
        if bits >= 32 {
            out.extend_from_slice(&(held as u32).to_le_bytes());
            held >>= 32;
            bits -= 32;
        }
    }
    out.extend_from_slice(&held.to_le_bytes());
    // The last group is filled up with zeros.
    out.resize(end, 0);
}
