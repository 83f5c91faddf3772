//! A Parquet table filled row by row or in batches; row groups are cut at a fixed number of rows.

use std::path::Path;

use super::column::{Column, Field};
use super::file::{Fields, RowGroup, TableFile, plan};
use super::schema::Plan;
use crate::error::Result;
use crate::output::{Sealed, Written};

/// Rows of a row group; DuckDB's own choice, small enough to scan in parallel.
const GROUP_ROWS: usize = 122_880;

/// Bytes of texts that end a row group too: records may be long.
const GROUP_BYTES: usize = 16 << 20;

/// Columns being filled, and the file that they go to.
pub struct Table {
    file: TableFile,
    plan: Plan,
    columns: Vec<Column>,
}

/// Empty columns for `fields`.
pub fn columns_for(fields: &[Field]) -> Vec<Column> {
    fields.iter().map(|field| Column::new(field.kind)).collect()
}

impl Table {
    /// Begin the table at `path`.
    ///
    /// # Errors
    /// [`crate::error::Error::Write`] if the system refuses.
    pub fn create(path: &Path, fields: Fields, with_digest: bool) -> Result<Self> {
        let plan = plan(fields)?;
        let file = TableFile::create(path, &plan, with_digest)?;
        Ok(Self { file, plan, columns: columns_for(fields) })
    }

    /// The columns; after filling each with one value call [`Table::end_row`].
    pub fn columns(&mut self) -> &mut [Column] {
        &mut self.columns
    }

    /// Write a row group if enough rows are there.
    ///
    /// # Errors
    /// [`crate::error::Error::Write`] if the system refuses.
    pub fn end_row(&mut self) -> Result<()> {
        if self.columns.first().is_some_and(|column| column.rows() >= GROUP_ROWS) {
            self.flush()?;
        }
        Ok(())
    }

    /// Append the rows of `columns`.
    ///
    /// # Errors
    /// [`crate::error::Error::Write`] if the system refuses.
    pub fn append(&mut self, columns: &[Column]) -> Result<()> {
        for (to, from) in self.columns.iter_mut().zip(columns) {
            to.append(from);
        }
        if self.columns.iter().map(Column::text_bytes).sum::<usize>() >= GROUP_BYTES {
            return self.flush();
        }
        self.end_row()
    }

    /// Append a row group that was encoded elsewhere, behind the rows so far.
    ///
    /// # Errors
    /// [`crate::error::Error::Write`] if the system refuses.
    pub fn append_group(&mut self, group: RowGroup) -> Result<()> {
        self.flush()?;
        self.file.write(group)
    }

    fn flush(&mut self) -> Result<()> {
        if self.columns.first().is_none_or(|column| column.rows() == 0) {
            return Ok(());
        }
        let group = RowGroup::encode(&self.plan, &self.columns)?;
        self.columns.iter_mut().for_each(Column::clear);
        self.file.write(group)
    }

    /// Write what is left, then the footer with these notes, and publish.
    ///
    /// # Errors
    /// [`crate::error::Error::Write`] if the system refuses.
    pub fn publish(self, notes: &[(&str, String)]) -> Result<Written> {
        self.seal(notes)?.publish()
    }

    /// Write what is left, then the footer with these notes; the file still lacks its name.
    ///
    /// # Errors
    /// [`crate::error::Error::Write`] if the system refuses.
    pub fn seal(mut self, notes: &[(&str, String)]) -> Result<Sealed> {
        self.flush()?;
        self.file.seal(notes)
    }
}
