//! Parquet's delta encoding, for whole numbers that are many different ones.
//!
//! Source: Apache Parquet, "Encodings", Delta Encoding (DELTA_BINARY_PACKED = 5). The crate has an
//! encoder too, which costs three times as much for the replies' columns (docs/adr/0010).

use super::hybrid::varint;

/// Values of a block, which shares a least difference.
const BLOCK: usize = 128;
/// Values of a part of a block, which shares a number of bits.
const PART: usize = 32;

/// Append `values`, one after the other.
///
/// Differences of 64-bit numbers may overflow; the format says that they wrap.
pub fn delta<T: Copy + Into<i64>>(values: &[T], out: &mut Vec<u8>) {
    varint(BLOCK as u64, out);
    varint((BLOCK / PART) as u64, out);
    varint(values.len() as u64, out);
    let mut before = values.first().map_or(0, |first| (*first).into());
    varint(zigzag(before), out);
    let mut differences = [0; BLOCK];
    for block in values.get(1..).unwrap_or_default().chunks(BLOCK) {
        for (difference, value) in differences.iter_mut().zip(block) {
            let value = (*value).into();
            *difference = value.wrapping_sub(before);
            before = value;
        }
        put_block(&differences[..block.len()], out);
    }
}

fn put_block(differences: &[i64], out: &mut Vec<u8>) {
    let least = differences.iter().fold(i64::MAX, |least, difference| least.min(*difference));
    varint(zigzag(least), out);
    let widths = out.len();
    out.extend_from_slice(&[0; BLOCK / PART]);
    for (i, some) in differences.chunks(PART).enumerate() {
        // The last part is filled up; readers know how many values there are.
        let mut part = [0; PART];
        for (above, difference) in part.iter_mut().zip(some) {
            *above = difference.wrapping_sub(least) as u64;
        }
        let width = 64 - part.iter().fold(0, |all, above| all | above).leading_zeros();
        out[widths + i] = width as u8;
        pack(&part, width, out);
    }
}

/// Sign last, so that small numbers of either sign are short.
fn zigzag(value: i64) -> u64 {
    (value << 1 ^ value >> 63) as u64
}

/// Numbers of `width` bits one after the other, lowest bits first.
fn pack(part: &[u64; PART], width: u32, out: &mut Vec<u8>) {
    let (mut bits, mut held) = (0, 0);
    for number in part {
        bits |= number << held;
        held += width;
        if held >= 64 {
            out.extend_from_slice(&bits.to_le_bytes());
            held -= 64;
            // What did not fit; none of a number that ends with the word.
            bits = number.checked_shr(width - held).unwrap_or(0);
        }
    }
    out.extend_from_slice(&bits.to_le_bytes()[..held as usize / 8]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_comes_out() {
        // "7, 5, 3, 1, 2, 3, 4, 5": differences -2 -2 -2 1 1 1 1, least -2, above it 0 0 0 3 3 3 3.
        let mut out = Vec::new();
        delta(&[7_i64, 5, 3, 1, 2, 3, 4, 5], &mut out);

        let header = [0x80, 0x01, 4, 8, 14];
        let block = [3, 2, 0, 0, 0, 0b1100_0000, 0b0011_1111, 0, 0, 0, 0, 0, 0];
        assert_eq!([&header[..], &block[..]].concat(), out);
    }

    #[test]
    fn the_widest_differences_wrap() {
        let mut out = Vec::new();
        delta(&[i64::MIN, i64::MAX, i64::MIN, 0], &mut out);

        // Differences -1, 1 and the least number; above that it takes 64 bits.
        let [.., widths_and_parts] = [&out[..]];
        assert_eq!(5 + 9 + 10 + 4 + 32 * 8, widths_and_parts.len());
    }
}
