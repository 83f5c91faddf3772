//! A column of one row group as bytes, encoded apart from its file so that workers can do it.

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::writer::{ColumnCloseResult, ColumnWriter, get_column_writer};
use parquet::errors::{ParquetError, Result};
use parquet::file::statistics::Statistics;
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};

use super::column::{Column, Presence, Values};
use super::delta::delta;
use super::numbered::{self, Distinct, FewInts, int_statistics, range, text_statistics};
use super::pages::{self, Encoded};
use super::schema::Plan;

/// An encoded column, ready to be put into a file.
#[derive(Debug)]
pub struct Chunk {
    /// Its pages.
    pub bytes: Bytes,
    /// What the file's footer says about it.
    pub closed: ColumnCloseResult,
}

/// Encode `column`, the one with this index in `plan`.
///
/// # Errors
/// If the crate refuses, which only a column of the wrong type can cause.
pub fn encode(plan: &Plan, index: usize, column: &Column) -> Result<Chunk> {
    let place = (plan, index);
    if column.presence.is_empty() && column.rows() > 0 {
        return nothing(place, column);
    }
    match &column.values {
        Values::Text(ids, dictionary) if !dictionary.is_empty() => {
            let distinct = Distinct {
                plain: dictionary.plain(),
                count: dictionary.len(),
                statistics: text_statistics(dictionary, column.rows() - ids.len()),
            };
            numbered::encode(place, column, distinct, ids, |id| id)
        }
        Values::U8(values) if !values.is_empty() => ints(place, column, values, 4),
        Values::U16(values) if !values.is_empty() => ints(place, column, values, 4),
        Values::I32(values) if !values.is_empty() => ints(place, column, values, 4),
        Values::I64(values) if !values.is_empty() => ints(place, column, values, 8),
        _ => by_crate(plan, index, column),
    }
}

/// A column without any value: nothing but levels.
fn nothing(place: (&Plan, usize), column: &Column) -> Result<Chunk> {
    let nulls = column.rows();
    let none = Some(nulls as u64);
    let statistics = match &column.values {
        Values::U8(_) | Values::U16(_) | Values::I32(_) => int_statistics(None, 4, nulls),
        Values::I64(_) => int_statistics(None, 8, nulls),
        Values::F64(_) => Statistics::double(None, None, None, none, false),
        Values::Bool(_) => Statistics::boolean(None, None, None, none, false),
        Values::Text(..) => Statistics::byte_array(None, None, None, none, false),
    };
    let raw = pages::start(place.0, place.1, column, 0);
    let encoded = Encoded { dictionary: None, raw, encoding: Encoding::PLAIN, statistics };
    pages::chunk(place, column, encoded)
}

/// Whole numbers that take `size` bytes in the file: by number if they are few different ones,
/// else by difference.
fn ints<T: Copy + Ord + Into<i64>>(
    place: (&Plan, usize),
    column: &Column,
    values: &[T],
    size: usize,
) -> Result<Chunk> {
    let nulls = column.rows() - values.len();
    if let Some(few) = FewInts::of(values, size) {
        let statistics = few.statistics(size, nulls);
        let distinct = Distinct { plain: &few.plain, count: few.count, statistics };
        return numbered::encode(place, column, distinct, values, |value| few.number(value));
    }
    let (least, most) = range(values);
    let (least, most) = (least.into(), most.into());
    if size == 4 && most - least > i64::from(i32::MAX) {
        // Differences of 33 bits: the crate wraps them as readers of 32-bit columns expect.
        return by_crate(place.0, place.1, column);
    }
    let mut raw = pages::start(place.0, place.1, column, values.len() * 4);
    delta(values, &mut raw);
    let statistics = int_statistics(Some((least, most)), size, nulls);
    let encoding = Encoding::DELTA_BINARY_PACKED;
    pages::chunk(place, column, Encoded { dictionary: None, raw, encoding, statistics })
}

fn by_crate(plan: &Plan, index: usize, column: &Column) -> Result<Chunk> {
    let mut sink = TrackedWrite::new(Vec::new());
    let description = plan.schema.column(index);
    let is_optional = description.max_def_level() > 0;
    let pages = Box::new(SerializedPageWriter::new(&mut sink));
    let mut writer = get_column_writer(description, plan.properties.clone(), pages);
    let levels = is_optional.then(|| levels(&column.presence));
    write(&mut writer, &column.values, levels.as_deref())?;
    let closed = writer.close()?;
    Ok(Chunk { bytes: sink.into_inner()?.into(), closed })
}

fn write(writer: &mut ColumnWriter<'_>, values: &Values, levels: Option<&[i16]>) -> Result<()> {
    match (writer, values) {
        // Small numbers and texts come here only if there is none in the whole column.
        (ColumnWriter::Int32ColumnWriter(w), Values::U8(_) | Values::U16(_)) => {
            w.write_batch(&[], levels, None)
        }
        (ColumnWriter::Int32ColumnWriter(w), Values::I32(v)) => w.write_batch(v, levels, None),
        (ColumnWriter::Int64ColumnWriter(w), Values::I64(v)) => w.write_batch(v, levels, None),
        (ColumnWriter::DoubleColumnWriter(w), Values::F64(v)) => w.write_batch(v, levels, None),
        (ColumnWriter::BoolColumnWriter(w), Values::Bool(v)) => w.write_batch(v, levels, None),
        (ColumnWriter::ByteArrayColumnWriter(w), Values::Text(..)) => {
            w.write_batch(&[], levels, None)
        }
        _ => Err(ParquetError::General("a column of another type".to_owned())),
    }
    .map(drop)
}

/// Definition levels: 1 where there is a value.
fn levels(presence: &Presence) -> Vec<i16> {
    let mut levels = Vec::new();
    for (is_there, count) in presence.runs() {
        levels.resize(levels.len() + count as usize, i16::from(is_there));
    }
    levels
}
