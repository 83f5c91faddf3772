//! Columns whose values are numbered already: texts, and whole numbers with few distinct values.
//!
//! The crate's column writer hashes every value again to find its number, which for the replies'
//! columns costs more than all else (docs/adr/0010). Here the pages are put together from the
//! numbers; headers, metadata and statistics stay the crate's.

use parquet::basic::Encoding;
use parquet::data_type::ByteArray;
use parquet::errors::Result;
use parquet::file::statistics::{Statistics, ValueStatistics};

use super::chunk::Chunk;
use super::column::{Column, Dictionary};
use super::hybrid::{hybrid, is_constant, width_of};
use super::pages::{self, Encoded};
use super::schema::Plan;

/// The distinct values of a column.
pub struct Distinct<'v> {
    /// In PLAIN encoding, in order of number.
    pub plain: &'v [u8],
    /// How many there are.
    pub count: usize,
    /// Their least and greatest.
    pub statistics: Statistics,
}

/// Encode `values`, which `number` numbers, as the column with this index in `plan`.
///
/// # Errors
/// As [`pages::chunk`].
pub fn encode<T: Copy + Eq>(
    (plan, index): (&Plan, usize),
    column: &Column,
    distinct: Distinct<'_>,
    values: &[T],
    number: impl Fn(T) -> u32,
) -> Result<Chunk> {
    let mut raw = pages::start(plan, index, column, values.len() * 2);
    let width = width_of((distinct.count as u32).saturating_sub(1));
    raw.push(width as u8);
    hybrid(values, number, width, &mut raw);
    let encoded = Encoded {
        dictionary: Some((distinct.plain, distinct.count)),
        raw,
        encoding: Encoding::RLE_DICTIONARY,
        statistics: distinct.statistics,
    };
    pages::chunk((plan, index), column, encoded)
}

/// Bounds longer than this, of whole records, would help no reader.
const LONGEST_BOUND: usize = 128;

/// Bounds of the texts of a dictionary.
pub fn text_statistics(dictionary: &Dictionary, nulls: usize) -> Statistics {
    let mut texts = dictionary.iter().map(|text| (prefix(text), text));
    let first = texts.next();
    let bounds = first.map(|first| {
        texts.fold((first, first), |(least, most), text| (least.min(text), most.max(text)))
    });
    let bounds = bounds.map(|((_, least), (_, most))| (least, most));
    let short = bounds.filter(|(least, most)| least.len().max(most.len()) <= LONGEST_BOUND);
    let bound = |text: &[u8]| ByteArray::from(text.to_vec());
    let (least, most) = short.map(|(least, most)| (bound(least), bound(most))).unzip();
    Statistics::ByteArray(ValueStatistics::new(least, most, None, Some(nulls as u64), false))
}

/// The first bytes of a text as a number that is sorted like the text: compared first, it mostly
/// tells.
fn prefix(text: &[u8]) -> u64 {
    let mut padded = [0; 8];
    match text.first_chunk() {
        Some(head) => padded = *head,
        None => padded[..text.len()].copy_from_slice(text),
    }
    u64::from_be_bytes(padded)
}

/// The distinct values of a whole-number column that has few.
pub struct FewInts {
    least: i64,
    /// Number of the value `least` + index.
    numbers: Vec<u32>,
    /// In PLAIN encoding, in order of number.
    pub plain: Vec<u8>,
    /// How many there are.
    pub count: usize,
    most: i64,
}

/// More distinct values than this make numbering no gain.
const MOST_DISTINCT: usize = 256;
/// A wider range than this would need too large a table.
const WIDEST: i64 = u16::MAX as i64;

impl FewInts {
    /// Look at `values`, stored in `size` bytes each; nothing if they are too many different ones.
    pub fn of<T: Copy + Ord + Into<i64>>(values: &[T], size: usize) -> Option<Self> {
        let first = *values.first()?;
        // Most columns say the same in all rows of a group.
        let is_one = is_constant(values);
        let (least, most) = if is_one { (first, first) } else { range(values) };
        let (least, most) = (least.into(), most.into());
        let width = most.checked_sub(least).filter(|width| *width <= WIDEST)?;
        let mut is_there = vec![is_one; width as usize + 1];
        let values = if is_one { &[] } else { values };
        values.iter().for_each(|value| is_there[slot(*value, least)] = true);
        let (mut numbers, mut plain, mut count) = (vec![0; is_there.len()], Vec::new(), 0);
        for (i, number) in numbers.iter_mut().enumerate().filter(|(i, _)| is_there[*i]) {
            *number = count;
            count += 1;
            plain.extend_from_slice(&(least + i as i64).to_le_bytes()[..size]);
        }
        let count = count as usize;
        (count <= MOST_DISTINCT).then_some(Self { least, numbers, plain, count, most })
    }

    /// The number of `value`, one of those that were looked at.
    #[inline]
    pub fn number(&self, value: impl Into<i64>) -> u32 {
        self.numbers[slot(value, self.least)]
    }

    /// Their bounds, as the file stores values of `size` bytes.
    pub fn statistics(&self, size: usize, nulls: usize) -> Statistics {
        int_statistics(Some((self.least, self.most)), size, nulls)
    }
}

/// Bounds of whole numbers that the file stores in `size` bytes.
pub fn int_statistics(bounds: Option<(i64, i64)>, size: usize, nulls: usize) -> Statistics {
    let (least, most) = bounds.unzip();
    let nulls = Some(nulls as u64);
    if size == 8 {
        return Statistics::Int64(ValueStatistics::new(least, most, None, nulls, false));
    }
    let narrow = |bound: Option<i64>| bound.map(|bound| bound as i32);
    Statistics::Int32(ValueStatistics::new(narrow(least), narrow(most), None, nulls, false))
}

/// Least and greatest of `values`, of which there is one at least.
pub fn range<T: Copy + Ord>(values: &[T]) -> (T, T) {
    let both = |(least, most): (T, T), value: &T| (least.min(*value), most.max(*value));
    values.iter().fold((values[0], values[0]), both)
}

#[inline]
fn slot(value: impl Into<i64>, least: i64) -> usize {
    (value.into() - least) as usize
}
