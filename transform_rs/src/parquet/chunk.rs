//! A column of one row group as bytes, encoded apart from its file so that workers can do it.

use bytes::Bytes;
use parquet::column::writer::{ColumnCloseResult, ColumnWriter, get_column_writer};
use parquet::errors::{ParquetError, Result};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};

use super::column::{Column, Presence, Values};
use super::schema::Plan;
use super::text;

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
    if let Values::Text(ids, dictionary) = &column.values
        && !dictionary.is_empty()
    {
        return text::encode(plan, index, column, ids, dictionary);
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
