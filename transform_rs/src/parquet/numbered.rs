//! Columns whose values are numbered already: texts, and whole numbers with few distinct values.
//!
//! The crate's column writer hashes every value again to find its number, which for the replies'
//! columns costs more than all else (docs/adr/0010). Here the pages are put together from the
//! numbers; headers, metadata and statistics stay the crate's.

use std::cell::RefCell;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use zstd::bulk::Compressor;

use super::chunk::Chunk;
use super::column::{Column, Dictionary};
use super::hybrid::{hybrid, is_constant, runs, width_of};
use super::schema::{LEVEL, Plan};

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
/// If compressing fails, which only lack of memory can cause.
pub fn encode<T: Copy + Eq>(
    (plan, index): (&Plan, usize),
    column: &Column,
    distinct: &Distinct<'_>,
    values: &[T],
    number: impl Fn(T) -> u32,
) -> Result<Chunk> {
    let description = plan.schema.column(index);
    let mut sink = TrackedWrite::new(Vec::new());
    let mut pages = SerializedPageWriter::new(&mut sink);
    let first = pages.write_page(dictionary_page(distinct)?)?;
    let mut raw = Vec::with_capacity(values.len() * 2 + 64);
    if description.max_def_level() > 0 {
        put_levels(column, &mut raw);
    }
    let width = width_of((distinct.count as u32).saturating_sub(1));
    raw.push(width as u8);
    hybrid(values, number, width, &mut raw);
    let second = pages.write_page(data_page(column.rows(), &raw)?)?;
    let (packed, raw) = (
        first.compressed_size + second.compressed_size,
        first.uncompressed_size + second.uncompressed_size,
    );
    let rows = column.rows() as u64;
    let metadata = ColumnChunkMetaData::builder(description)
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(LEVEL)?))
        .set_encodings(vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY])
        .set_num_values(rows as i64)
        .set_total_compressed_size(packed as i64)
        .set_total_uncompressed_size(raw as i64)
        .set_dictionary_page_offset(Some(0))
        .set_data_page_offset(second.offset as i64)
        .set_statistics(distinct.statistics.clone())
        .build()?;
    let bytes: Bytes = sink.into_inner()?.into();
    let closed = ColumnCloseResult {
        bytes_written: bytes.len() as u64,
        rows_written: rows,
        metadata,
        bloom_filter: None,
        column_index: None,
        offset_index: None,
    };
    Ok(Chunk { bytes, closed })
}

/// Bounds of the texts of a dictionary.
pub fn text_statistics(dictionary: &Dictionary, nulls: usize) -> Statistics {
    let bound = |text: Option<&[u8]>| text.map(|text| ByteArray::from(text.to_vec()));
    let (least, most) = (bound(dictionary.iter().min()), bound(dictionary.iter().max()));
    Statistics::ByteArray(ValueStatistics::new(least, most, None, Some(nulls as u64), false))
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

    /// Bounds of values of 32 bits.
    pub fn statistics_32(&self, nulls: usize) -> Statistics {
        let (least, most) = (Some(self.least as i32), Some(self.most as i32));
        Statistics::Int32(ValueStatistics::new(least, most, None, Some(nulls as u64), false))
    }

    /// Bounds of values of 64 bits.
    pub fn statistics_64(&self, nulls: usize) -> Statistics {
        let (least, most) = (Some(self.least), Some(self.most));
        Statistics::Int64(ValueStatistics::new(least, most, None, Some(nulls as u64), false))
    }
}

/// Least and greatest.
fn range<T: Copy + Ord>(values: &[T]) -> (T, T) {
    let both = |(least, most): (T, T), value: &T| (least.min(*value), most.max(*value));
    values.iter().fold((values[0], values[0]), both)
}

#[inline]
fn slot(value: impl Into<i64>, least: i64) -> usize {
    (value.into() - least) as usize
}

thread_local! {
    /// Making a context costs more than compressing a small page.
    static ZSTD: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
}

fn compress(raw: &[u8]) -> Result<Bytes> {
    let fail = |error| ParquetError::External(Box::new(error));
    ZSTD.with_borrow_mut(|kept| {
        let context = match kept.take() {
            Some(context) => context,
            None => Compressor::new(LEVEL).map_err(fail)?,
        };
        let packed = kept.insert(context).compress(raw);
        packed.map(Bytes::from).map_err(fail)
    })
}

fn dictionary_page(distinct: &Distinct<'_>) -> Result<CompressedPage> {
    let page = Page::DictionaryPage {
        buf: compress(distinct.plain)?,
        num_values: distinct.count as u32,
        encoding: Encoding::PLAIN,
        is_sorted: false,
    };
    Ok(CompressedPage::new(page, distinct.plain.len()))
}

/// Definition levels: which rows have a value.
fn put_levels(column: &Column, raw: &mut Vec<u8>) {
    raw.extend_from_slice(&[0; 4]);
    runs(column.presence.runs(), raw);
    let len = raw.len() as u32 - 4;
    raw[..4].copy_from_slice(&len.to_le_bytes());
}

fn data_page(rows: usize, raw: &[u8]) -> Result<CompressedPage> {
    let page = Page::DataPage {
        buf: compress(raw)?,
        num_values: rows as u32,
        encoding: Encoding::RLE_DICTIONARY,
        def_level_encoding: Encoding::RLE,
        rep_level_encoding: Encoding::RLE,
        statistics: None,
    };
    Ok(CompressedPage::new(page, raw.len()))
}
