//! A Parquet file: row groups, then the footer that describes them.

use std::path::Path;

use super::chunk::{self, Chunk, Packer};
use super::column::{Column, Field, Type};
use super::thrift::Writer;
use crate::error::Result;
use crate::output::{Output, Written};

/// Version of the tables' meaning; grows when a column changes or goes.
pub const SCHEMA_VERSION: u32 = 1;

const MAGIC: &[u8] = b"PAR1";
const ZSTD: i32 = 6;

/// Columns of one row group, encoded.
#[derive(Debug)]
pub struct RowGroup {
    /// Rows.
    pub rows: usize,
    chunks: Vec<Chunk>,
}

impl RowGroup {
    /// Encode `columns`, which match `fields` one by one.
    ///
    /// # Errors
    /// As [`chunk::encode`].
    pub fn encode(fields: &[Field], columns: &[Column], packer: &mut Packer) -> Result<Self> {
        let pairs = fields.iter().zip(columns);
        let chunks = pairs.map(|(field, column)| chunk::encode(field, column, packer));
        Ok(Self {
            rows: columns.first().map_or(0, Column::rows),
            chunks: chunks.collect::<Result<_>>()?,
        })
    }
}

struct Placed {
    chunk: Chunk,
    at: u64,
    size: usize,
}

/// Writes one table.
pub struct TableFile {
    output: Output,
    fields: &'static [Field],
    groups: Vec<(usize, Vec<Placed>)>,
    rows: usize,
}

impl TableFile {
    /// Begin the file at `path`.
    ///
    /// # Errors
    /// [`crate::error::Error::Write`] if the system refuses.
    pub fn create(path: &Path, fields: &'static [Field], with_digest: bool) -> Result<Self> {
        let mut output = Output::create(path, with_digest)?;
        output.write(MAGIC)?;
        Ok(Self { output, fields, groups: Vec::new(), rows: 0 })
    }

    /// Append a row group; an empty one is left out.
    ///
    /// # Errors
    /// [`crate::error::Error::Write`] if the system refuses.
    pub fn write(&mut self, group: RowGroup) -> Result<()> {
        if group.rows == 0 {
            return Ok(());
        }
        self.rows += group.rows;
        let mut placed = Vec::with_capacity(group.chunks.len());
        for mut chunk in group.chunks {
            let at = self.output.position();
            self.output.write(&chunk.bytes)?;
            let size = chunk.bytes.len();
            chunk.bytes = Vec::new();
            placed.push(Placed { chunk, at, size });
        }
        self.groups.push((group.rows, placed));
        Ok(())
    }

    /// Write the footer with these notes and publish the file.
    ///
    /// # Errors
    /// [`crate::error::Error::Write`] if the system refuses.
    pub fn publish(mut self, notes: &[(&str, String)]) -> Result<Written> {
        let mut footer = Writer::default();
        footer.inner(|w| self.footer(w, notes));
        self.output.write(&footer.bytes)?;
        self.output.write(&(footer.bytes.len() as u32).to_le_bytes())?;
        self.output.write(MAGIC)?;
        self.output.publish(self.rows as u64)
    }

    fn footer(&self, w: &mut Writer, notes: &[(&str, String)]) {
        w.i32(1, 2);
        w.structs(2, self.fields.len() + 1, |w| {
            w.inner(|w| {
                w.binary(4, b"schema").i32(5, self.fields.len() as i32);
            });
            for field in self.fields {
                w.inner(|w| describe(field, w));
            }
        });
        w.i64(3, self.rows as i64);
        w.structs(4, self.groups.len(), |w| {
            for (rows, chunks) in &self.groups {
                w.inner(|w| self.group(*rows, chunks, w));
            }
        });
        w.structs(5, notes.len(), |w| {
            for (key, value) in notes {
                w.inner(|w| {
                    w.binary(1, key.as_bytes()).binary(2, value.as_bytes());
                });
            }
        });
        w.binary(6, concat!("hs-transform ", env!("CARGO_PKG_VERSION")).as_bytes());
        w.structs(7, self.fields.len(), |w| {
            // Column orders: the type's own order, so that least and greatest may be used.
            for _ in self.fields {
                w.inner(|w| {
                    w.structure(1, |_| {});
                });
            }
        });
    }

    fn group(&self, rows: usize, chunks: &[Placed], w: &mut Writer) {
        w.structs(1, chunks.len(), |w| {
            for (field, placed) in self.fields.iter().zip(chunks) {
                w.inner(|w| {
                    w.i64(2, placed.at as i64);
                    w.structure(3, |w| column_metadata(field, placed, w));
                });
            }
        });
        let raw: usize = chunks.iter().map(|placed| placed.chunk.raw_size).sum();
        w.i64(2, raw as i64).i64(3, rows as i64);
    }
}

fn describe(field: &Field, w: &mut Writer) {
    w.i32(1, chunk::physical(field.kind));
    w.i32(3, i32::from(field.is_optional));
    w.binary(4, field.name.as_bytes());
    match field.kind {
        Type::Text => {
            w.i32(6, 0);
            w.structure(10, |w| {
                w.structure(1, |_| {});
            });
        }
        // Not "adjusted to UTC", although it is UTC: that type needs a time-zone library in readers.
        Type::Timestamp => {
            w.structure(10, |w| {
                w.structure(8, |w| {
                    w.bool(1, false).structure(2, |w| {
                        w.structure(2, |_| {});
                    });
                });
            });
        }
        _ => {}
    }
}

fn column_metadata(field: &Field, placed: &Placed, w: &mut Writer) {
    let Placed { chunk, at, size } = placed;
    let at = *at as i64;
    w.i32(1, chunk.physical);
    w.i32s(2, &chunk.encodings);
    w.texts(3, &[field.name]);
    w.i32(4, ZSTD).i64(5, chunk.rows as i64);
    w.i64(6, chunk.raw_size as i64).i64(7, *size as i64);
    w.i64(9, at + chunk.data_at as i64);
    if chunk.data_at > 0 {
        w.i64(11, at);
    }
    w.structure(12, |w| {
        w.i64(3, chunk.nulls as i64);
        if let Some((least, most)) = &chunk.range {
            w.binary(5, most).binary(6, least);
        }
    });
}
