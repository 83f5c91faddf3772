//! Columns whose values are numbered already: texts, and whole numbers with few distinct values.
//!
//! The crate's column writer hashes every value again to find its number, which for the replies'
//! columns costs more than all else (docs/adr/0010). Here the pages are put together from the
//! numbers; headers, metadata and statistics stay the crate's.

use bytes::Bytes;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};

use super::chunk::Chunk;
use super::column::{Column, Dictionary};
use super::hybrid::{hybrid, runs, width_of};
use super::schema::{LEVEL, Plan};

/// The distinct values of a column, and which of them each row has.
pub struct Numbered<'v> {
    /// Numbers of the rows that have a value.
    pub ids: &'v [u32],
    /// The distinct values in PLAIN encoding.
    pub plain: &'v [u8],
    /// How many there are.
    pub count: usize,
    /// Their least and greatest.
    pub statistics: Statistics,
}

/// Encode numbered `values` as the column with this index in `plan`.
///
/// # Errors
/// If compressing fails, which only lack of memory can cause.
pub fn encode(plan: &Plan, index: usize, column: &Column, values: &Numbered<'_>) -> Result<Chunk> {
    let description = plan.schema.column(index);
    let is_optional = description.max_def_level() > 0;
    let mut sink = TrackedWrite::new(Vec::new());
    let mut pages = SerializedPageWriter::new(&mut sink);
    let first = pages.write_page(dictionary_page(values)?)?;
    let second = pages.write_page(data_page(column, values, is_optional)?)?;
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
        .set_statistics(values.statistics.clone())
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

/// A whole-number column with few distinct values, numbered.
pub struct FewInts {
    /// Numbers of the rows that have a value.
    pub ids: Vec<u32>,
    /// The distinct values in PLAIN encoding.
    pub plain: Vec<u8>,
    /// How many there are.
    pub count: usize,
    /// Least and greatest.
    pub range: (i32, i32),
}

/// More distinct values than this make numbering no gain.
const MOST_DISTINCT: usize = 256;
/// A wider range than this would need too large a table.
const WIDEST: i64 = 1 << 14;

impl FewInts {
    /// Number `values`; nothing if they are too many different ones.
    pub fn of(values: &[i32]) -> Option<Self> {
        let (least, most) = (*values.iter().min()?, *values.iter().max()?);
        let width = i64::from(most) - i64::from(least);
        if width > WIDEST {
            return None;
        }
        let slot = |value: i32| (i64::from(value) - i64::from(least)) as usize;
        let mut numbers = vec![u32::MAX; width as usize + 1];
        values.iter().for_each(|value| numbers[slot(*value)] = 0);
        let (mut plain, mut count) = (Vec::new(), 0);
        for (i, number) in numbers.iter_mut().enumerate().filter(|(_, n)| **n == 0) {
            *number = count;
            count += 1;
            plain.extend_from_slice(&((i64::from(least) + i as i64) as i32).to_le_bytes());
        }
        let count = count as usize;
        if count > MOST_DISTINCT {
            return None;
        }
        let ids = values.iter().map(|value| numbers[slot(*value)]).collect();
        Some(Self { ids, plain, count, range: (least, most) })
    }

    /// Bounds of the values.
    pub fn statistics(&self, nulls: usize) -> Statistics {
        let (least, most) = (Some(self.range.0), Some(self.range.1));
        Statistics::Int32(ValueStatistics::new(least, most, None, Some(nulls as u64), false))
    }
}

fn compress(raw: &[u8]) -> Result<Bytes> {
    let packed = zstd::bulk::compress(raw, LEVEL);
    packed.map(Bytes::from).map_err(|error| ParquetError::External(Box::new(error)))
}

fn dictionary_page(values: &Numbered<'_>) -> Result<CompressedPage> {
    let raw = values.plain;
    let page = Page::DictionaryPage {
        buf: compress(raw)?,
        num_values: values.count as u32,
        encoding: Encoding::PLAIN,
        is_sorted: false,
    };
    Ok(CompressedPage::new(page, raw.len()))
}

fn data_page(column: &Column, values: &Numbered<'_>, is_optional: bool) -> Result<CompressedPage> {
    let ids = values.ids;
    let mut raw = Vec::with_capacity(ids.len() * 2);
    if is_optional {
        raw.extend_from_slice(&[0; 4]);
        runs(column.presence.runs(), &mut raw);
        let len = raw.len() as u32 - 4;
        raw[..4].copy_from_slice(&len.to_le_bytes());
    }
    let width = width_of((values.count as u32).saturating_sub(1));
    raw.push(width as u8);
    hybrid(ids, width, &mut raw);
    let page = Page::DataPage {
        buf: compress(&raw)?,
        num_values: column.rows() as u32,
        encoding: Encoding::RLE_DICTIONARY,
        def_level_encoding: Encoding::RLE,
        rep_level_encoding: Encoding::RLE,
        statistics: None,
    };
    Ok(CompressedPage::new(page, raw.len()))
}
