//! Read back the Parquet files that this program writes: flat, optional or required, zstd.

use super::column::{Column, Type, Values};
use super::decode;
use super::thrift_read::{Struct, Value};

/// A table in memory.
pub struct TableReader<'b> {
    bytes: &'b [u8],
    names: Vec<String>,
    optional: Vec<bool>,
    groups: Vec<Group>,
    /// Rows of all groups.
    pub rows: u64,
    notes: Vec<(String, String)>,
}

struct Group {
    rows: usize,
    chunks: Vec<ChunkAt>,
}

struct ChunkAt {
    physical: i64,
    start: usize,
    values: usize,
}

type Outcome<T> = Result<T, String>;

impl<'b> TableReader<'b> {
    /// Read the footer of the file in `bytes`.
    ///
    /// # Errors
    /// What is wrong with the file, in words.
    pub fn open(bytes: &'b [u8]) -> Outcome<Self> {
        let cut = || "this Parquet file is cut short".to_owned();
        let (rest, tail) = bytes.split_last_chunk::<8>().ok_or_else(cut)?;
        let len = u32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]) as usize;
        if &tail[4..] != b"PAR1" || !bytes.starts_with(b"PAR1") {
            return Err(cut());
        }
        let start = rest.len().checked_sub(len).ok_or_else(cut)?;
        let footer = Struct::parse(&rest[start..]).ok_or("its footer cannot be read")?;
        Self::describe(bytes, &footer).ok_or_else(|| "its footer lacks fields".to_owned())
    }

    fn describe(bytes: &'b [u8], footer: &Struct) -> Option<Self> {
        let schema = footer.list(2)?.iter().skip(1);
        let leaves: Vec<&Struct> = schema.filter_map(Value::as_struct).collect();
        let name = |leaf: &&Struct| leaf.text(4);
        Some(Self {
            bytes,
            names: leaves.iter().map(name).collect::<Option<_>>()?,
            optional: leaves.iter().map(|leaf| leaf.int(3) == Some(1)).collect(),
            groups: footer.list(4)?.iter().map(group).collect::<Option<_>>()?,
            rows: footer.int(3)? as u64,
            notes: footer.list(5).unwrap_or_default().iter().filter_map(note).collect(),
        })
    }

    /// Row groups.
    pub fn groups(&self) -> usize {
        self.groups.len()
    }

    /// Rows of row group `group`.
    pub fn group_rows(&self, group: usize) -> usize {
        self.groups.get(group).map_or(0, |group| group.rows)
    }

    /// Is there a column `name`?
    pub fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }

    /// A note of the file's metadata.
    pub fn note(&self, key: &str) -> Option<&str> {
        let mut notes = self.notes.iter();
        notes.find(|(known, _)| known == key).map(|(_, value)| value.as_str())
    }

    /// Read column `name` of row group `group`.
    ///
    /// # Errors
    /// What is missing or wrong, in words.
    pub fn column(&self, group: usize, name: &str) -> Outcome<Column> {
        let index = self.names.iter().position(|known| known == name);
        let index = index.ok_or_else(|| format!("it has no column {name}"))?;
        let group = self.groups.get(group).ok_or("it has no such row group")?;
        let at = group.chunks.get(index).ok_or("its row group lacks a column")?;
        self.chunk(at, self.optional[index])
            .ok_or_else(|| format!("its column {name} cannot be read"))
    }

    fn chunk(&self, at: &ChunkAt, is_optional: bool) -> Option<Column> {
        let kind = match at.physical {
            0 => Type::Bool,
            1 => Type::I32,
            2 => Type::I64,
            5 => Type::F64,
            6 => Type::Bytes,
            _ => return None,
        };
        let mut column = Column::new(kind);
        let mut rest = self.bytes.get(at.start..)?;
        while column.rows() < at.values {
            let (header, used) = Struct::parse_prefix(rest)?;
            let packed = usize::try_from(header.int(3)?).ok()?;
            let raw = usize::try_from(header.int(2)?).ok()?;
            rest = rest.get(used..)?;
            let page = zstd::bulk::decompress(rest.get(..packed)?, raw).ok()?;
            rest = &rest[packed..];
            if let Some(dictionary) = header.structure(7) {
                decode::dictionary(&page, dictionary.int(1)?, &mut column)?;
            } else {
                decode::data_page(&page, header.structure(5)?, is_optional, &mut column)?;
            }
        }
        Some(column)
    }
}

fn group(value: &Value) -> Option<Group> {
    let group = value.as_struct()?;
    let chunks = group.list(1)?.iter().map(|chunk| {
        let data = chunk.as_struct()?.structure(3)?;
        let start = data.int(11).or_else(|| data.int(9))?;
        Some(ChunkAt {
            physical: data.int(1)?,
            start: usize::try_from(start).ok()?,
            values: usize::try_from(data.int(5)?).ok()?,
        })
    });
    Some(Group {
        rows: usize::try_from(group.int(3)?).ok()?,
        chunks: chunks.collect::<Option<_>>()?,
    })
}

fn note(value: &Value) -> Option<(String, String)> {
    let pair = value.as_struct()?;
    Some((pair.text(1)?, pair.text(2)?))
}

/// Rows of a numeric column, nothing where there is no value.
pub fn ints(column: &Column) -> Vec<Option<i64>> {
    match &column.values {
        Values::I32(values) => spread(column, values.iter().map(|value| i64::from(*value))),
        Values::I64(values) => spread(column, values.iter().copied()),
        _ => Vec::new(),
    }
}

/// Rows of a floating-point column.
pub fn floats(column: &Column) -> Vec<Option<f64>> {
    match &column.values {
        Values::F64(values) => spread(column, values.iter().copied()),
        _ => Vec::new(),
    }
}

/// Rows of a column of truth values.
pub fn bools(column: &Column) -> Vec<Option<bool>> {
    match &column.values {
        Values::Bool(values) => spread(column, values.iter().copied()),
        _ => Vec::new(),
    }
}

/// Rows of a column of texts or bytes.
pub fn texts(column: &Column) -> Vec<Option<&[u8]>> {
    match &column.values {
        Values::Text(ids, dictionary) => {
            let known: Vec<&[u8]> = dictionary.iter().collect();
            spread(
                column,
                ids.iter().map(|id| known.get(*id as usize).copied().unwrap_or_default()),
            )
        }
        _ => Vec::new(),
    }
}

fn spread<T>(column: &Column, mut values: impl Iterator<Item = T>) -> Vec<Option<T>> {
    let mut rows = Vec::with_capacity(column.rows());
    for (is_there, count) in column.presence.runs() {
        rows.extend((0..*count).map(|_| if *is_there { values.next() } else { None }));
    }
    rows
}
