//! Text columns whose values are numbered already.
//!
//! The crate's column writer hashes every value again to find its number, which for the replies'
//! four text columns costs more than all else (docs/adr/0010). Here the pages are put together from
//! the numbers; headers, metadata and statistics stay the crate's.

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

/// Encode a column of numbered texts, the one with this index in `plan`.
///
/// # Errors
/// If compressing fails, which only lack of memory can cause.
pub fn encode(
    plan: &Plan,
    index: usize,
    column: &Column,
    ids: &[u32],
    dictionary: &Dictionary,
) -> Result<Chunk> {
    let description = plan.schema.column(index);
    let is_optional = description.max_def_level() > 0;
    let mut sink = TrackedWrite::new(Vec::new());
    let mut pages = SerializedPageWriter::new(&mut sink);
    let first = pages.write_page(dictionary_page(dictionary)?)?;
    let second = pages.write_page(data_page(column, ids, dictionary, is_optional)?)?;
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
        .set_statistics(statistics(dictionary, rows - ids.len() as u64))
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

fn statistics(dictionary: &Dictionary, nulls: u64) -> Statistics {
    let bound = |text: Option<&[u8]>| text.map(|text| ByteArray::from(text.to_vec()));
    let (least, most) = (bound(dictionary.iter().min()), bound(dictionary.iter().max()));
    Statistics::ByteArray(ValueStatistics::new(least, most, None, Some(nulls), false))
}

fn compress(raw: &[u8]) -> Result<Bytes> {
    let packed = zstd::bulk::compress(raw, LEVEL);
    packed.map(Bytes::from).map_err(|error| ParquetError::External(Box::new(error)))
}

fn dictionary_page(dictionary: &Dictionary) -> Result<CompressedPage> {
    let raw = dictionary.plain();
    let page = Page::DictionaryPage {
        buf: compress(raw)?,
        num_values: dictionary.len() as u32,
        encoding: Encoding::PLAIN,
        is_sorted: false,
    };
    Ok(CompressedPage::new(page, raw.len()))
}

fn data_page(
    column: &Column,
    ids: &[u32],
    dictionary: &Dictionary,
    is_optional: bool,
) -> Result<CompressedPage> {
    let mut raw = Vec::with_capacity(ids.len() * 2);
    if is_optional {
        raw.extend_from_slice(&[0; 4]);
        runs(column.presence.runs(), &mut raw);
        let len = raw.len() as u32 - 4;
        raw[..4].copy_from_slice(&len.to_le_bytes());
    }
    let width = width_of((dictionary.len() as u32).saturating_sub(1));
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
