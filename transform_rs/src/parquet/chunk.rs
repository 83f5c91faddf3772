//! A column of one row group as bytes, encoded apart from its file so that workers can do it.

use bytes::Bytes;
use parquet::column::writer::{ColumnCloseResult, ColumnWriter, get_column_writer};
use parquet::errors::{ParquetError, Result};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};

use super::column::{Column, Presence, Values};
use super::numbered::{self, FewInts, Numbered, text_statistics};
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
    let rows = column.rows();
    match &column.values {
        Values::Text(ids, dictionary) if !dictionary.is_empty() => {
            let values = Numbered {
                ids,
                plain: dictionary.plain(),
                count: dictionary.len(),
                statistics: text_statistics(dictionary, rows - ids.len()),
            };
            numbered::encode(plan, index, column, &values).map(Some)
        }
        Values::I32(ints) => {
            let Some(few) = FewInts::of(ints) else {
                return Ok(None);
            };
            let values = Numbered {
                ids: &few.ids,
                plain: &few.plain,
                count: few.count,
                statistics: few.statistics(rows - ints.len()),
            };
            numbered::encode(plan, index, column, &values).map(Some)
        }
        _ => Ok(None),
    }
}

fn write(writer: &mut ColumnWriter<'_>, values: &Values, levels: Option<&[i16]>) -> Result<()> {
    match (writer, values) {
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

/// Definition levels: 1 where there is a value.
fn levels(presence: &Presence) -> Vec<i16> {
    let mut levels = Vec::new();
    for (is_there, count) in presence.runs() {
        levels.resize(levels.len() + *count as usize, i16::from(*is_there));
    }
    levels
}
