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
pub fn runs(runs: impl Iterator<Item = (bool, u32)>, out: &mut Vec<u8>) {
    for (is_there, count) in runs {
        rle_run(u32::from(is_there), count as usize, 1, out);
    }
}

/// Append `value`, 7 bits a byte, lowest first.
pub fn varint(mut value: u64, out: &mut Vec<u8>) {
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

/// Append the numbers of `values`, each below 2^`width`.
///
/// Equal values from the start of a group on become an RLE run if that is shorter; what lies
/// between is bit-packed in groups of 8.
pub fn hybrid<T: Copy + Eq>(
    values: &[T],
    number: impl Fn(T) -> u32,
    width: u32,
    out: &mut Vec<u8>,
) {
    // A run costs the bits of about six bytes: its own header and that of the groups behind it.
    let least_run = (48 / width.max(1) as usize).max(GROUP);
    let (mut at, mut packed_from) = (0, 0);
    while let Some(group) = values[at..].first_chunk::<GROUP>() {
        let first = group[0];
        if *group == [first; GROUP] {
            let run = run_length(&values[at..]);
            if run >= least_run {
                bit_packed(&values[packed_from..at], &number, width, out);
                rle_run(number(first), run, width, out);
                at += run;
                packed_from = at;
                continue;
            }
        }
        at += GROUP;
    }
    bit_packed(&values[packed_from..], &number, width, out);
}

/// How many values are equal to the first.
fn run_length<T: Copy + Eq>(values: &[T]) -> usize {
    let Some(first) = values.first() else {
        return 0;
    };
    let groups = values.as_chunks::<GROUP>().0;
    let whole = GROUP * groups.iter().take_while(|group| **group == [*first; GROUP]).count();
    whole + values[whole..].iter().take_while(|value| *value == first).count()
}

/// Are all values the same?
pub fn is_constant<T: Copy + Eq>(values: &[T]) -> bool {
    run_length(values) == values.len()
}

fn bit_packed<T: Copy>(values: &[T], number: impl Fn(T) -> u32, width: u32, out: &mut Vec<u8>) {
    if values.is_empty() {
        return;
    }
    let groups = values.len().div_ceil(GROUP);
    varint((groups as u64) << 1 | 1, out);
    let mut at = out.len();
    let end = at + groups * width as usize;
    // Each group is written as 32 bytes, of which the next one overwrites what it did not need.
    out.resize(end + 32, 0);
    let (whole, rest) = values.as_chunks::<GROUP>();
    let mut put = |group: &[T; GROUP]| {
        let bytes = pack(group.map(&number), width);
        out[at..at + 32].copy_from_slice(&bytes);
        at += width as usize;
    };
    whole.iter().for_each(&mut put);
    if let Some(last) = rest.last() {
        // The last group is filled up; readers know how many values there are.
        let mut group = [*last; GROUP];
        group[..rest.len()].copy_from_slice(rest);
        put(&group);
    }
    out.truncate(end);
}

/// Eight numbers of `width` bits one after the other, lowest bits first.
#[inline]
fn pack(group: [u32; GROUP], width: u32) -> [u8; 32] {
    let mut bytes = [0; 32];
    let half = |numbers: &[u32]| {
        numbers.iter().rev().fold(0_u128, |bits, number| bits << width | u128::from(*number))
    };
    if width <= 8 {
        let bits = group.iter().rev().fold(0_u64, |bits, n| bits << width | u64::from(*n));
        bytes[..8].copy_from_slice(&bits.to_le_bytes());
    } else if width <= 16 {
        bytes[..16].copy_from_slice(&half(&group).to_le_bytes());
    } else {
        let (low, high) = (half(&group[..4]), half(&group[4..]));
        let shift = 4 * width;
        bytes[..16].copy_from_slice(&(low | high.checked_shl(shift).unwrap_or(0)).to_le_bytes());
        bytes[16..].copy_from_slice(&(high >> (128 - shift).min(127)).to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unpack(bytes: &[u8], count: usize, width: u32) -> Vec<u32> {
        let bit = |i: usize| u32::from(bytes[i / 8] >> (i % 8) & 1);
        let value =
            |v: usize| (0..width).fold(0, |sum, b| sum | bit(v * width as usize + b as usize) << b);
        (0..count).map(value).collect()
    }

    #[test]
    fn numbers_of_every_width_come_back() {
        for width in 1..=32_u32 {
            let most = u32::MAX >> (32 - width);
            let values: Vec<u32> =
                (0..19_u32).map(|i| i.wrapping_mul(0x9e37_79b9) & most).collect();
            let mut out = Vec::new();
            hybrid(&values, |value| value, width, &mut out);

            assert_eq!(3 << 1 | 1, out[0]);
            assert_eq!(1 + 3 * width as usize, out.len());
            assert_eq!(values, unpack(&out[1..], values.len(), width));
        }
    }

    #[test]
    fn equal_values_become_a_run() {
        let mut out = Vec::new();
        hybrid(&[7_u32; 1000], |value| value, 9, &mut out);

        assert_eq!(vec![0xd0, 0x0f, 7, 0], out);
    }
}
