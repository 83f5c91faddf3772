//! One table, row by row.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::parquet::column::Field;
use crate::parquet::read::{Rows, TableReader};
use crate::warts::addr::Addr;
use crate::warts::cursor::Timeval;

/// A table and a position in it.
pub struct Table {
    path: PathBuf,
    reader: TableReader,
    fields: &'static [Field],
    columns: HashMap<&'static str, Rows>,
    group: usize,
    row: usize,
    rows: usize,
}

impl Table {
    /// Open the table at `path` before its first row; nothing if there is no such file.
    ///
    /// # Errors
    /// [`Error::Format`] if it is no table of ours.
    pub fn open(path: &Path, fields: &'static [Field]) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let name = path.display().to_string();
        let reader = TableReader::open_file(&name);
        let reader =
            reader.map_err(|error| Error::Format { path: name, reason: error.to_string() })?;
        let columns = HashMap::new();
        Ok(Some(Self { path: path.to_owned(), reader, fields, columns, group: 0, row: 0, rows: 0 }))
    }

    /// Go to the next row; false behind the last.
    ///
    /// # Errors
    /// [`Error::Format`] if its row group cannot be read.
    pub fn advance(&mut self) -> Result<bool> {
        self.row += 1;
        while self.row >= self.rows {
            if self.group == self.reader.groups() {
                return Ok(false);
            }
            for field in self.fields {
                let rows = self.reader.column(self.group, field.name);
                let rows = rows.map_err(|error| self.wrong(&error.to_string()))?;
                self.columns.insert(field.name, rows);
            }
            self.rows = self.reader.group_rows(self.group);
            (self.row, self.group) = (0, self.group + 1);
        }
        Ok(true)
    }

    fn rows(&self, name: &'static str) -> Option<&Rows> {
        debug_assert!(self.fields.iter().any(|field| field.name == name), "no column {name}");
        self.columns.get(name)
    }

    /// A number.
    ///
    /// # Errors
    /// [`Error::Format`] if it does not fit.
    pub fn int<T: TryFrom<i64>>(&self, name: &'static str) -> Result<Option<T>> {
        let Some(Rows::Ints(rows)) = self.rows(name) else {
            return Ok(None);
        };
        let value = rows.get(self.row).copied().flatten().map(T::try_from).transpose();
        value.map_err(|_| self.wrong(&format!("{name} holds a number that is too large")))
    }

    /// A truth value.
    pub fn bool(&self, name: &'static str) -> bool {
        match self.rows(name) {
            Some(Rows::Bools(rows)) => rows.get(self.row).copied().flatten().unwrap_or(false),
            _ => false,
        }
    }

    /// Text or bytes.
    pub fn text(&self, name: &'static str) -> Option<&[u8]> {
        match self.rows(name) {
            Some(Rows::Texts(rows)) => rows.get(self.row)?.as_ref().map(|text| text.data()),
            _ => None,
        }
    }

    /// An address.
    ///
    /// # Errors
    /// [`Error::Format`] if the text is none.
    pub fn addr(&self, name: &'static str) -> Result<Option<Addr>> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let text = String::from_utf8_lossy(text);
        let wrong = || self.wrong(&format!("{name} holds {text:?}, which is no IP address"));
        Addr::parse(&text).map(Some).ok_or_else(wrong)
    }

    /// A time.
    ///
    /// # Errors
    /// [`Error::Format`] if it lies outside 1970 to 2106.
    pub fn time(&self, name: &'static str) -> Result<Option<Timeval>> {
        let Some(us) = self.int::<u64>(name)? else {
            return Ok(None);
        };
        let sec = u32::try_from(us / 1_000_000);
        let sec = sec.map_err(|_| self.wrong(&format!("{name} lies behind 2106")))?;
        Ok(Some(Timeval { sec, usec: (us % 1_000_000) as u32 }))
    }

    /// The number that `name_of` gives this name to.
    pub fn named(&self, name: &'static str, name_of: fn(u8) -> Option<&'static str>) -> Option<u8> {
        let text = self.text(name)?;
        (0..=u8::MAX).find(|number| name_of(*number).is_some_and(|known| known.as_bytes() == text))
    }

    /// A failure that names the table and the row.
    pub fn wrong(&self, reason: &str) -> Error {
        let path = self.path.display().to_string();
        Error::Format {
            path,
            reason: format!("row group {}, row {}: {reason}", self.group, self.row),
        }
    }
}
