//! A column chunk put together from pages that are encoded already.
//!
//! Headers, metadata and statistics stay the crate's.

use std::cell::RefCell;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use zstd::bulk::Compressor;

use super::chunk::Chunk;
use super::column::Column;
use super::hybrid::runs;
use super::schema::{LEVEL, Plan};

/// Values of a column, encoded.
pub struct Encoded<'e> {
    /// Distinct values in PLAIN encoding and how many they are, if the values are their numbers.
    pub dictionary: Option<(&'e [u8], usize)>,
    /// The data page: levels as of [`start`], then values.
    pub raw: Vec<u8>,
    /// How the values are encoded.
    pub encoding: Encoding,
    /// Least and greatest value.
    pub statistics: Statistics,
}

/// A data page of the column with this index so far: which rows have a value.
pub fn start(plan: &Plan, index: usize, column: &Column, room: usize) -> Vec<u8> {
    let mut raw = Vec::with_capacity(room + 64);
    if plan.schema.column(index).max_def_level() > 0 {
        raw.extend_from_slice(&[0; 4]);
        runs(column.presence.runs(), &mut raw);
        let len = raw.len() as u32 - 4;
        raw[..4].copy_from_slice(&len.to_le_bytes());
    }
    raw
}

/// Put the column with this index together.
///
/// # Errors
/// If compressing fails, which only lack of memory can cause.
pub fn chunk(
    (plan, index): (&Plan, usize),
    column: &Column,
    encoded: Encoded<'_>,
) -> Result<Chunk> {
    let description = plan.schema.column(index);
    let compression = plan.properties.compression(description.path());
    let is_packed = compression != Compression::UNCOMPRESSED;
    let mut sink = TrackedWrite::new(Vec::new());
    let mut pages = SerializedPageWriter::new(&mut sink);
    let mut metadata = ColumnChunkMetaData::builder(description.clone());
    let (mut packed, mut raw) = (0, 0);
    if let Some((plain, count)) = encoded.dictionary {
        let page = dictionary_page(plain, count, is_packed)?;
        let written = pages.write_page(page)?;
        (packed, raw) = (written.compressed_size, written.uncompressed_size);
        metadata = metadata.set_dictionary_page_offset(Some(written.offset as i64));
    }
    let encoding = encoded.encoding;
    let written = pages.write_page(data_page(column.rows(), encoded.raw, encoding, is_packed)?)?;
    packed += written.compressed_size;
    raw += written.uncompressed_size;
    let rows = column.rows() as u64;
    let metadata = metadata
        .set_compression(compression)
        .set_encodings(encodings(encoding))
        .set_num_values(rows as i64)
        .set_total_compressed_size(packed as i64)
        .set_total_uncompressed_size(raw as i64)
        .set_data_page_offset(written.offset as i64)
        .set_statistics(encoded.statistics)
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

/// All encodings of a chunk: those of a dictionary and of levels too.
fn encodings(of_values: Encoding) -> Vec<Encoding> {
    match of_values {
        Encoding::PLAIN => vec![Encoding::PLAIN, Encoding::RLE],
        Encoding::RLE_DICTIONARY => vec![Encoding::PLAIN, Encoding::RLE, of_values],
        other => vec![Encoding::RLE, other],
    }
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

fn dictionary_page(plain: &[u8], count: usize, is_packed: bool) -> Result<CompressedPage> {
    let buf = if is_packed { compress(plain)? } else { Bytes::copy_from_slice(plain) };
    let num_values = count as u32;
    let page =
        Page::DictionaryPage { buf, num_values, encoding: Encoding::PLAIN, is_sorted: false };
    Ok(CompressedPage::new(page, plain.len()))
}

fn data_page(
    rows: usize,
    raw: Vec<u8>,
    encoding: Encoding,
    is_packed: bool,
) -> Result<CompressedPage> {
    let len = raw.len();
    let page = Page::DataPage {
        buf: if is_packed { compress(&raw)? } else { raw.into() },
        num_values: rows as u32,
        encoding,
        def_level_encoding: Encoding::RLE,
        rep_level_encoding: Encoding::RLE,
        statistics: None,
    };
    Ok(CompressedPage::new(page, len))
}
