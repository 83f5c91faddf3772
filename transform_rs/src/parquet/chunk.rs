//! A column of one row group as bytes, encoded apart from its file so that workers can do it.

use bytes::Bytes;
use parquet::column::writer::{ColumnCloseResult, ColumnWriter, get_column_writer};
use parquet::errors::{ParquetError, Result};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};

use super::column::{Column, Presence, Values};
use super::numbered::{self, Distinct, FewInts, text_statistics};
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
    if let Some(chunk) = numbered(plan, index, column)? {
        return Ok(chunk);
    }
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

/// Encode by numbers, if the column is of a kind that gains by it.
fn numbered(plan: &Plan, index: usize, column: &Column) -> Result<Option<Chunk>> {
    match &column.values {
        Values::Text(ids, dictionary) if !dictionary.is_empty() => {
            let distinct = Distinct {
                plain: dictionary.plain(),
                count: dictionary.len(),
                statistics: text_statistics(dictionary, column.rows() - ids.len()),
            };
            numbered::encode((plan, index), column, &distinct, ids, |id| id).map(Some)
        }
        Values::U8(ints) => few(plan, index, column, ints, 4),
        Values::U16(ints) => few(plan, index, column, ints, 4),
        Values::I32(ints) => few(plan, index, column, ints, 4),
        Values::I64(ints) => few(plan, index, column, ints, 8),
        _ => Ok(None),
    }
}

/// Encode whole numbers of `size` bytes by numbers, if they are few different ones.
fn few<T: Copy + Ord + Into<i64>>(
    plan: &Plan,
    index: usize,
    column: &Column,
    ints: &[T],
    size: usize,
) -> Result<Option<Chunk>> {
    let Some(few) = FewInts::of(ints, size) else {
        return Ok(None);
    };
    let nulls = column.rows() - ints.len();
    let is_wide = size == 8;
    let statistics = if is_wide { few.statistics_64(nulls) } else { few.statistics_32(nulls) };
    let distinct = Distinct { plain: &few.plain, count: few.count, statistics };
    let number = |value: T| few.number(value);
    numbered::encode((plan, index), column, &distinct, ints, number).map(Some)
}

fn write(writer: &mut ColumnWriter<'_>, values: &Values, levels: Option<&[i16]>) -> Result<()> {
    match (writer, values) {
        (ColumnWriter::Int32ColumnWriter(w), Values::U8(v)) => {
            w.write_batch(&widened(v), levels, None)
        }
        (ColumnWriter::Int32ColumnWriter(w), Values::U16(v)) => {
            w.write_batch(&widened(v), levels, None)
        }
        (ColumnWriter::Int32ColumnWriter(w), Values::I32(v)) => w.write_batch(v, levels, None),
        (ColumnWriter::Int64ColumnWriter(w), Values::I64(v)) => w.write_batch(v, levels, None),
        (ColumnWriter::DoubleColumnWriter(w), Values::F64(v)) => w.write_batch(v, levels, None),
        (ColumnWriter::BoolColumnWriter(w), Values::Bool(v)) => w.write_batch(v, levels, None),
        // Texts come here only if there is none in the whole column.
        (ColumnWriter::ByteArrayColumnWriter(w), Values::Text(..)) => {
            w.write_batch(&[], levels, None)
        }
        _ => Err(ParquetError::General("a column of another type".to_owned())),
    }
    .map(drop)
}

fn widened<T: Copy + Into<i32>>(values: &[T]) -> Vec<i32> {
    values.iter().map(|value| (*value).into()).collect()
}

/// Definition levels: 1 where there is a value.
fn levels(presence: &Presence) -> Vec<i16> {
    let mut levels = Vec::new();
    for (is_there, count) in presence.runs() {
        levels.resize(levels.len() + count as usize, i16::from(is_there));
    }
    levels
}
