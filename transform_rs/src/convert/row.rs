//! Fills the columns of a row one after the other.

use crate::parquet::column::Column;
use crate::warts::addr::Addr;

/// A row under construction.
pub struct Row<'c> {
    columns: std::slice::IterMut<'c, Column>,
}

impl<'c> Row<'c> {
    /// Begin a row.
    pub fn new(columns: &'c mut [Column]) -> Self {
        Self { columns: columns.iter_mut() }
    }

    /// A number, or nothing.
    #[inline]
    pub fn int(&mut self, value: Option<impl Into<i64>>) -> &mut Self {
        if let Some(column) = self.columns.next() {
            column.int(value);
        }
        self
    }

    /// A truth value.
    pub fn bool(&mut self, value: bool) -> &mut Self {
        self.optional_bool(Some(value))
    }

    /// A truth value, or nothing.
    pub fn optional_bool(&mut self, value: Option<bool>) -> &mut Self {
        if let Some(column) = self.columns.next() {
            column.bool(value);
        }
        self
    }

    /// Text, or nothing; bytes that are no UTF-8 are replaced.
    pub fn text(&mut self, value: Option<&[u8]>) -> &mut Self {
        if let Some(column) = self.columns.next() {
            match value.map(String::from_utf8_lossy) {
                Some(text) => column.text(Some(text.as_bytes())),
                None => column.text(None),
            }
        }
        self
    }

    /// Bytes as they are, or nothing.
    pub fn bytes(&mut self, value: Option<&[u8]>) -> &mut Self {
        if let Some(column) = self.columns.next() {
            column.text(value);
        }
        self
    }

    /// The text with this number in the column's dictionary, or nothing.
    #[inline]
    pub fn id(&mut self, id: Option<u32>) -> &mut Self {
        if let Some(column) = self.columns.next() {
            column.ids(id, 1);
        }
        self
    }

    /// A name that the program knows, or nothing.
    pub fn name(&mut self, value: Option<&str>) -> &mut Self {
        self.bytes(value.map(str::as_bytes))
    }

    /// An address as text, or nothing.
    pub fn addr(&mut self, value: Option<Addr>) -> &mut Self {
        let Some(addr) = value else {
            return self.bytes(None);
        };
        let mut text = Vec::with_capacity(40);
        addr.write_to(&mut text);
        self.bytes(Some(&text))
    }
}
