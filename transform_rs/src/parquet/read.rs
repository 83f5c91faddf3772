//! Read tables back, column by column, row group by row group.

use bytes::Bytes;
use parquet::basic::Type as Physical;
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{ByteArray, DataType};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{FileReader, SerializedFileReader};

/// A table, read row group by row group.
pub struct TableReader {
    file: Box<dyn FileReader>,
}

/// The rows of one column; nothing where there is no value.
#[derive(Debug, Clone)]
pub enum Rows {
    /// Numbers and timestamps.
    Ints(Vec<Option<i64>>),
    /// Floating point.
    Floats(Vec<Option<f64>>),
    /// Truth values.
    Bools(Vec<Option<bool>>),
    /// Texts and bytes.
    Texts(Vec<Option<ByteArray>>),
}

impl TableReader {
    /// Read the footer of the file in `bytes`.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn open(bytes: Bytes) -> Result<Self> {
        Ok(Self { file: Box::new(SerializedFileReader::new(bytes)?) })
    }

    /// Read the footer of the file at `path`; its rows stay on disk until they are asked for.
    ///
    /// # Errors
    /// What is wrong with the file.
    pub fn open_file(path: &str) -> Result<Self> {
        let file = std::fs::File::open(path)?;
        Ok(Self { file: Box::new(SerializedFileReader::new(file)?) })
    }

    /// Row groups.
    pub fn groups(&self) -> usize {
        self.file.num_row_groups()
    }

    /// Rows of row group `group`.
    pub fn group_rows(&self, group: usize) -> usize {
        self.file.metadata().row_group(group).num_rows() as usize
    }

    /// Rows of the whole table.
    pub fn rows(&self) -> u64 {
        self.file.metadata().file_metadata().num_rows() as u64
    }

    /// A note of the file's metadata.
    pub fn note(&self, key: &str) -> Option<&str> {
        let notes = self.file.metadata().file_metadata().key_value_metadata()?;
        notes.iter().find(|note| note.key == key)?.value.as_deref()
    }

    /// Read column `name` of row group `group`.
    ///
    /// # Errors
    /// If there is no such column, or its bytes are broken.
    pub fn column(&self, group: usize, name: &str) -> Result<Rows> {
        let group = self.file.get_row_group(group)?;
        let schema = group.metadata().schema_descr();
        let index = schema.columns().iter().position(|column| column.name() == name);
        let missing = || ParquetError::General(format!("it has no column {name}"));
        let index = index.ok_or_else(missing)?;
        let rows = group.metadata().num_rows() as usize;
        match group.get_column_reader(index)? {
            ColumnReader::Int32ColumnReader(r) => {
                Ok(Rows::Ints(spread(r, rows, |value: i32| i64::from(value))?))
            }
            ColumnReader::Int64ColumnReader(r) => Ok(Rows::Ints(spread(r, rows, |value| value)?)),
            ColumnReader::DoubleColumnReader(r) => {
                Ok(Rows::Floats(spread(r, rows, |value| value)?))
            }
            ColumnReader::BoolColumnReader(r) => Ok(Rows::Bools(spread(r, rows, |value| value)?)),
            ColumnReader::ByteArrayColumnReader(r) => {
                Ok(Rows::Texts(spread(r, rows, |value| value)?))
            }
            _ => Err(ParquetError::General(format!("its column {name} has an odd type"))),
        }
    }

    /// Names and physical types of the columns.
    pub fn columns(&self) -> Vec<(String, Physical)> {
        let schema = self.file.metadata().file_metadata().schema_descr();
        let columns = schema.columns().iter();
        columns.map(|column| (column.name().to_owned(), column.physical_type())).collect()
    }
}

fn spread<T: DataType, V>(
    mut reader: ColumnReaderImpl<T>,
    rows: usize,
    map: impl Fn(T::T) -> V,
) -> Result<Vec<Option<V>>> {
    let (mut values, mut levels) = (Vec::with_capacity(rows), Vec::new());
    let mut read = 0;
    while read < rows {
        let (more, ..) = reader.read_records(rows - read, Some(&mut levels), None, &mut values)?;
        if more == 0 {
            return Err(ParquetError::General("a column is cut short".to_owned()));
        }
        read += more;
    }
    let mut values = values.into_iter().map(map);
    if levels.is_empty() {
        return Ok(values.map(Some).collect());
    }
    Ok(levels.iter().map(|level| if *level == 1 { values.next() } else { None }).collect())
}

impl Rows {
    /// Rows of a numeric column; none if it is of another type.
    pub fn ints(self) -> Vec<Option<i64>> {
        if let Self::Ints(rows) = self { rows } else { Vec::new() }
    }

    /// Rows of a floating-point column; none if it is of another type.
    pub fn floats(self) -> Vec<Option<f64>> {
        if let Self::Floats(rows) = self { rows } else { Vec::new() }
    }

    /// Rows of a column of truth values; none if it is of another type.
    pub fn bools(self) -> Vec<Option<bool>> {
        if let Self::Bools(rows) = self { rows } else { Vec::new() }
    }

    /// Rows of a column of texts; none if it is of another type.
    pub fn texts(self) -> Vec<Option<ByteArray>> {
        if let Self::Texts(rows) = self { rows } else { Vec::new() }
    }
}
