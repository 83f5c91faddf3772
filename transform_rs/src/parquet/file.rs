//! A Parquet file: row groups, then the footer that describes them.

use std::io;
use std::path::{Path, PathBuf};

use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::writer::SerializedFileWriter;

use super::chunk::{self, Chunk};
use super::column::{Column, Field};
use super::schema::Plan;
use crate::error::{Error, Result};
use crate::output::{Output, Sealed};

/// Version of the tables' meaning; grows when a column changes or goes.
pub const SCHEMA_VERSION: u32 = 1;

/// Columns of one row group, encoded.
#[derive(Debug)]
pub struct RowGroup {
    /// Rows.
    pub rows: usize,
    chunks: Vec<Chunk>,
}

/// Name a failure of the `parquet` crate after the file at `path`.
fn fail(path: &Path, error: ParquetError) -> Error {
    let source = match error {
        ParquetError::External(inner) => match inner.downcast::<io::Error>() {
            Ok(source) => *source,
            Err(other) => io::Error::other(other),
        },
        other => io::Error::other(other),
    };
    Error::Write { path: path.to_owned(), source }
}

impl RowGroup {
    /// Encode `columns`, which match the plan's fields one by one.
    ///
    /// # Errors
    /// [`Error::Write`] if the crate refuses a column.
    pub fn encode(plan: &Plan, columns: &[Column]) -> Result<Self> {
        let encoded = columns.iter().enumerate().map(|(i, column)| chunk::encode(plan, i, column));
        let chunks: std::result::Result<_, _> = encoded.collect();
        Ok(Self {
            rows: columns.first().map_or(0, Column::rows),
            chunks: chunks.map_err(|error| fail(Path::new("a table"), error))?,
        })
    }
}

/// Writes one table.
pub struct TableFile {
    path: PathBuf,
    writer: SerializedFileWriter<Output>,
    rows: usize,
}

impl TableFile {
    /// Begin the file at `path`.
    ///
    /// # Errors
    /// [`Error::Write`] if the system refuses.
    pub fn create(path: &Path, plan: &Plan, with_digest: bool) -> Result<Self> {
        let output = Output::create(path, with_digest)?;
        let schema = plan.schema.root_schema_ptr();
        let writer = SerializedFileWriter::new(output, schema, plan.properties.clone());
        let writer = writer.map_err(|error| fail(path, error))?;
        Ok(Self { path: path.to_owned(), writer, rows: 0 })
    }

    /// Append a row group; an empty one is left out.
    ///
    /// # Errors
    /// [`Error::Write`] if the system refuses.
    pub fn write(&mut self, group: RowGroup) -> Result<()> {
        if group.rows == 0 {
            return Ok(());
        }
        self.rows += group.rows;
        self.append(group).map_err(|error| fail(&self.path, error))
    }

    fn append(&mut self, group: RowGroup) -> std::result::Result<(), ParquetError> {
        let mut into = self.writer.next_row_group()?;
        for Chunk { bytes, closed } in group.chunks {
            into.append_column(&bytes, closed)?;
        }
        into.close().map(drop)
    }

    /// Write the footer with these notes.
    ///
    /// # Errors
    /// [`Error::Write`] if the system refuses.
    pub fn seal(mut self, notes: &[(&str, String)]) -> Result<Sealed> {
        for (key, value) in notes {
            let note = KeyValue::new((*key).to_owned(), value.clone());
            self.writer.append_key_value_metadata(note);
        }
        let rows = self.rows as u64;
        let output = self.writer.into_inner().map_err(|error| fail(&self.path, error))?;
        output.seal(rows)
    }
}

/// Fields of every table.
pub type Fields = &'static [Field];

/// The plan of a table with these fields.
///
/// # Errors
/// [`Error::Write`] if the crate refuses the schema.
pub fn plan(fields: Fields) -> Result<Plan> {
    Plan::new(fields).map_err(|error| fail(Path::new("a table"), error))
}
