//! Parquet's encodings, reading side. Nothing here trusts a length.

use super::column::{Column, Values};
use super::thrift_read::Struct;

/// Fill the dictionary of `column` from a PLAIN dictionary page.
pub fn dictionary(page: &[u8], entries: i64, column: &mut Column) -> Option<()> {
    let into = column.dictionary()?;
    let mut rest = page;
    for _ in 0..entries {
        let (len, tail) = rest.split_first_chunk::<4>()?;
        let (text, tail) = tail.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        into.append(text);
        rest = tail;
    }
    Some(())
}

/// Append the rows of a data page to `column`.
pub fn data_page(
    page: &[u8],
    header: &Struct,
    is_optional: bool,
    column: &mut Column,
) -> Option<()> {
    let rows = usize::try_from(header.int(1)?).ok()?;
    let mut rest = page;
    let mut present = rows;
    if is_optional {
        let (len, tail) = rest.split_first_chunk::<4>()?;
        let (levels, tail) = tail.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        present = 0;
        let mut left = rows;
        hybrid(levels, 1, rows, |level, count| {
            let count = count.min(left);
            left -= count;
            present += if level == 1 { count } else { 0 };
            column.presence.push(level == 1, count as u32);
        })?;
        rest = tail;
    } else {
        column.presence.push(true, rows as u32);
    }
    match (header.int(2)?, &mut column.values) {
        (0, Values::F64(values)) => {
            let words = rest.as_chunks::<8>().0.get(..present)?;
            values.extend(words.iter().map(|word| f64::from_le_bytes(*word)));
        }
        (0, Values::Bool(values)) => {
            let bits = rest.get(..present.div_ceil(8))?;
            values.extend((0..present).map(|i| bits[i / 8] >> (i % 8) & 1 == 1));
        }
        (5, Values::I32(values)) => delta(rest, present, |value| values.push(value as i32))?,
        (5, Values::I64(values)) => delta(rest, present, |value| values.push(value))?,
        (0, Values::Text(..)) if present == 0 => {}
        (8, Values::Text(ids, _)) => {
            let (width, rest) = rest.split_first()?;
            let mut left = present;
            hybrid(rest, u32::from(*width), present, |id, count| {
                let count = count.min(left);
                left -= count;
                ids.extend(std::iter::repeat_n(id, count));
            })?;
        }
        _ => return None,
    }
    Some(())
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Decode the RLE/bit-packing hybrid until `count` values were given out, in runs.
fn hybrid(
    mut bytes: &[u8],
    width: u32,
    count: usize,
    mut out: impl FnMut(u32, usize),
) -> Option<()> {
    let mut given = 0;
    while given < count {
        let header = varint(&mut bytes)?;
        let n = usize::try_from(header >> 1).ok()?;
        if n == 0 {
            return None;
        }
        if header & 1 == 0 {
            let (raw, rest) = bytes.split_at_checked(width.div_ceil(8) as usize)?;
            bytes = rest;
            let value = raw.iter().rev().fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
            out(value, n);
            given += n;
        } else {
            let (packed, rest) = bytes.split_at_checked(n.checked_mul(width as usize)?)?;
            bytes = rest;
            for i in 0..(n * 8).min(count - given) {
                out(unpack(packed, i, width) as u32, 1);
            }
            given += n * 8;
        }
    }
    Some(())
}

/// Value `index` of bit-packed values of `width` bits.
fn unpack(packed: &[u8], index: usize, width: u32) -> u64 {
    let bit = index * width as usize;
    let mut word = [0; 16];
    let bytes = &packed[(bit / 8).min(packed.len())..];
    let len = bytes.len().min(16);
    word[..len].copy_from_slice(&bytes[..len]);
    let value = u128::from_le_bytes(word) >> (bit % 8);
    (value & ((1_u128 << width) - 1)) as u64
}

fn delta(mut bytes: &[u8], count: usize, mut out: impl FnMut(i64)) -> Option<()> {
    let unfold = |value: u64| (value >> 1) as i64 ^ -((value & 1) as i64);
    let block = varint(&mut bytes)? as usize;
    let minis = varint(&mut bytes)? as usize;
    if varint(&mut bytes)? as usize != count
        || minis == 0
        || !block.is_multiple_of(minis)
        || block > 1 << 20
    {
        return None;
    }
    let mut value = unfold(varint(&mut bytes)?);
    if count == 0 {
        return Some(());
    }
    out(value);
    let mini = block / minis;
    let mut left = count - 1;
    while left > 0 {
        let least = unfold(varint(&mut bytes)?);
        let (widths, rest) = bytes.split_at_checked(minis)?;
        bytes = rest;
        for width in widths {
            if left == 0 {
                break;
            }
            let width = u32::from(*width);
            let (packed, rest) = bytes.split_at_checked(mini * width as usize / 8)?;
            bytes = rest;
            for i in 0..mini.min(left) {
                let above = unpack(packed, i, width.min(64)) as i64;
                value = value.wrapping_add(least).wrapping_add(above);
                out(value);
            }
            left -= mini.min(left);
        }
    }
    Some(())
}
