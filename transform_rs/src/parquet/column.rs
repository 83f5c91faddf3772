//! Columns in memory: values, and which rows have none.

pub use super::dictionary::Dictionary;

/// What a column holds, and how it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// Numbers from 0 to 255; 32-bit numbers in the file.
    U8,
    /// Numbers from 0 to 65,535; 32-bit numbers in the file.
    U16,
    /// 32-bit numbers.
    I32,
    /// 64-bit numbers.
    I64,
    /// Microseconds since 1970, UTC.
    Timestamp,
    /// Floating point.
    F64,
    /// Truth values.
    Bool,
    /// UTF-8 text.
    Text,
    /// Raw bytes.
    Bytes,
}

/// Name and type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Name.
    pub name: &'static str,
    /// Type.
    pub kind: Type,
    /// May rows have no value?
    pub is_optional: bool,
}

impl Field {
    /// A column where every row has a value.
    pub const fn required(name: &'static str, kind: Type) -> Self {
        Self { name, kind, is_optional: false }
    }

    /// A column where rows may have none.
    pub const fn optional(name: &'static str, kind: Type) -> Self {
        Self { name, kind, is_optional: true }
    }
}

/// Values of a column; rows without one take no place.
#[derive(Debug, Clone)]
pub enum Values {
    /// Numbers of one byte.
    U8(Vec<u8>),
    /// Numbers of two bytes.
    U16(Vec<u16>),
    /// 32-bit numbers.
    I32(Vec<i32>),
    /// 64-bit numbers and timestamps.
    I64(Vec<i64>),
    /// Floating point.
    F64(Vec<f64>),
    /// Truth values.
    Bool(Vec<bool>),
    /// Numbers of texts or bytes in a dictionary.
    Text(Vec<u32>, Dictionary),
}

/// Which rows have a value, as runs.
#[derive(Debug, Default, Clone)]
pub struct Presence {
    closed: Vec<(bool, u32)>,
    open: (bool, u32),
    rows: usize,
}

impl Presence {
    /// Note `count` rows.
    #[inline]
    pub fn push(&mut self, is_there: bool, count: u32) {
        self.rows += count as usize;
        if self.open.0 == is_there {
            self.open.1 += count;
        } else if count > 0 {
            self.turn(is_there, count);
        }
    }

    fn turn(&mut self, is_there: bool, count: u32) {
        if self.open.1 > 0 {
            self.closed.push(self.open);
        }
        self.open = (is_there, count);
    }

    /// Has no row a value?
    pub fn is_empty(&self) -> bool {
        self.closed.is_empty() && !self.open.0
    }

    /// Runs of rows with and without value.
    pub fn runs(&self) -> impl Iterator<Item = (bool, u32)> {
        let open = Some(self.open).filter(|(_, count)| *count > 0);
        self.closed.iter().copied().chain(open)
    }

    fn clear(&mut self) {
        self.closed.clear();
        self.open = (false, 0);
        self.rows = 0;
    }
}

/// A column being filled.
#[derive(Debug, Clone)]
pub struct Column {
    /// The values.
    pub values: Values,
    /// Which rows have one.
    pub presence: Presence,
}

impl Column {
    /// An empty column of this type.
    pub fn new(kind: Type) -> Self {
        let values = match kind {
            Type::U8 => Values::U8(Vec::new()),
            Type::U16 => Values::U16(Vec::new()),
            Type::I32 => Values::I32(Vec::new()),
            Type::I64 | Type::Timestamp => Values::I64(Vec::new()),
            Type::F64 => Values::F64(Vec::new()),
            Type::Bool => Values::Bool(Vec::new()),
            Type::Text | Type::Bytes => Values::Text(Vec::new(), Dictionary::default()),
        };
        Self { values, presence: Presence::default() }
    }

    /// Rows.
    pub fn rows(&self) -> usize {
        self.presence.rows
    }

    /// Forget all rows, keep the memory.
    pub fn clear(&mut self) {
        match &mut self.values {
            Values::U8(values) => values.clear(),
            Values::U16(values) => values.clear(),
            Values::I32(values) => values.clear(),
            Values::I64(values) => values.clear(),
            Values::F64(values) => values.clear(),
            Values::Bool(values) => values.clear(),
            Values::Text(values, dictionary) => {
                values.clear();
                dictionary.clear();
            }
        }
        self.presence.clear();
    }

    /// Append a row with a number, or without value. Numbers go into numeric columns only.
    #[inline]
    pub fn int(&mut self, value: Option<impl Into<i64>>) {
        let value = value.map(Into::into);
        self.presence.push(value.is_some(), 1);
        match (&mut self.values, value) {
            (Values::U8(values), Some(value)) => values.push(value as u8),
            (Values::U16(values), Some(value)) => values.push(value as u16),
            (Values::I32(values), Some(value)) => values.push(value as i32),
            (Values::I64(values), Some(value)) => values.push(value),
            (_, value) => debug_assert!(value.is_none(), "a number for another column"),
        }
    }

    /// Append rows with a number each.
    #[inline]
    pub fn extend(&mut self, rows: impl ExactSizeIterator<Item = i64>) {
        self.presence.push(true, rows.len() as u32);
        match &mut self.values {
            Values::U8(values) => values.extend(rows.map(|value| value as u8)),
            Values::U16(values) => values.extend(rows.map(|value| value as u16)),
            Values::I32(values) => values.extend(rows.map(|value| value as i32)),
            Values::I64(values) => values.extend(rows),
            _ => debug_assert!(false, "numbers for another column"),
        }
    }

    /// Append rows with a number each, or without value.
    #[inline]
    pub fn extend_optional(&mut self, rows: impl ExactSizeIterator<Item = Option<i64>>) {
        let there = &mut self.presence;
        match &mut self.values {
            Values::U8(values) => fill(values, there, rows.map(|row| row.map(|v| v as u8))),
            Values::U16(values) => fill(values, there, rows.map(|row| row.map(|v| v as u16))),
            Values::I32(values) => fill(values, there, rows.map(|row| row.map(|v| v as i32))),
            Values::I64(values) => fill(values, there, rows),
            _ => debug_assert!(false, "numbers for another column"),
        }
    }

    /// Append rows with texts that `number` finds or puts into the dictionary.
    #[inline]
    pub fn extend_texts<T>(
        &mut self,
        rows: impl ExactSizeIterator<Item = Option<T>>,
        mut number: impl FnMut(T, &mut Dictionary) -> u32,
    ) {
        let Values::Text(ids, dictionary) = &mut self.values else {
            debug_assert!(false, "texts for another column");
            return;
        };
        let ids_of = rows.map(|row| row.map(|row| number(row, dictionary)));
        fill(ids, &mut self.presence, ids_of);
    }

    /// Append rows given as numbers: for texts their numbers in the dictionary, for truth values 0
    /// and 1.
    pub fn extend_cells(&mut self, cells: impl ExactSizeIterator<Item = Option<i64>> + Clone) {
        let there = &mut self.presence;
        if cells.clone().all(|cell| cell.is_none()) {
            return there.push(false, cells.len() as u32);
        }
        match &mut self.values {
            Values::U8(values) => fill(values, there, cells.map(|cell| cell.map(|v| v as u8))),
            Values::U16(values) => fill(values, there, cells.map(|cell| cell.map(|v| v as u16))),
            Values::I32(values) => fill(values, there, cells.map(|cell| cell.map(|v| v as i32))),
            Values::I64(values) => fill(values, there, cells),
            Values::Bool(values) => fill(values, there, cells.map(|cell| cell.map(|v| v != 0))),
            Values::Text(ids, _) => fill(ids, there, cells.map(|cell| cell.map(|v| v as u32))),
            Values::F64(_) => debug_assert!(false, "whole numbers for another column"),
        }
    }

    /// Append a row with a floating-point number, or without value.
    pub fn float(&mut self, value: Option<f64>) {
        self.presence.push(value.is_some(), 1);
        match (&mut self.values, value) {
            (Values::F64(values), Some(value)) => values.push(value),
            (_, value) => debug_assert!(value.is_none(), "a float for another column"),
        }
    }

    /// Append a row with a truth value, or without value.
    pub fn bool(&mut self, value: Option<bool>) {
        self.presence.push(value.is_some(), 1);
        match (&mut self.values, value) {
            (Values::Bool(values), Some(value)) => values.push(value),
            (_, value) => debug_assert!(value.is_none(), "a truth value for another column"),
        }
    }

    /// Append a row with text, or without value.
    pub fn text(&mut self, value: Option<&[u8]>) {
        self.presence.push(value.is_some(), 1);
        match (&mut self.values, value) {
            (Values::Text(ids, dictionary), Some(value)) => ids.push(dictionary.intern(value)),
            (_, value) => debug_assert!(value.is_none(), "text for another column"),
        }
    }

    /// Append `count` rows with the dictionary's text `id`.
    #[inline]
    pub fn ids(&mut self, id: Option<u32>, count: u32) {
        self.presence.push(id.is_some(), count);
        if let (Values::Text(ids, _), Some(id)) = (&mut self.values, id) {
            ids.extend(std::iter::repeat_n(id, count as usize));
        }
    }

    /// The dictionary of a text column.
    pub fn dictionary(&mut self) -> Option<&mut Dictionary> {
        match &mut self.values {
            Values::Text(_, dictionary) => Some(dictionary),
            _ => None,
        }
    }

    /// Bytes of its distinct texts.
    pub fn text_bytes(&self) -> usize {
        if let Values::Text(_, dictionary) = &self.values { dictionary.plain().len() } else { 0 }
    }

    /// Append the rows of `other`, a column of the same type.
    pub fn append(&mut self, other: &Self) {
        match (&mut self.values, &other.values) {
            (Values::U8(to), Values::U8(from)) => to.extend_from_slice(from),
            (Values::U16(to), Values::U16(from)) => to.extend_from_slice(from),
            (Values::I32(to), Values::I32(from)) => to.extend_from_slice(from),
            (Values::I64(to), Values::I64(from)) => to.extend_from_slice(from),
            (Values::F64(to), Values::F64(from)) => to.extend_from_slice(from),
            (Values::Bool(to), Values::Bool(from)) => to.extend_from_slice(from),
            (Values::Text(to, dictionary), Values::Text(from, texts)) => {
                let ids: Vec<u32> = texts.iter().map(|text| dictionary.intern(text)).collect();
                to.extend(from.iter().map(|id| ids[*id as usize]));
            }
            _ => debug_assert!(false, "columns of different types"),
        }
        for (is_there, count) in other.presence.runs() {
            self.presence.push(is_there, count);
        }
    }
}

/// Append to `values` what is there, and note in `presence` which rows are.
#[inline]
fn fill<T: Copy + Default>(
    values: &mut Vec<T>,
    presence: &mut Presence,
    rows: impl ExactSizeIterator<Item = Option<T>>,
) {
    let mut end = values.len();
    values.resize(end + rows.len(), T::default());
    let (mut is_there, mut count) = (true, 0);
    for row in rows {
        if row.is_some() != is_there {
            presence.push(is_there, count);
            (is_there, count) = (!is_there, 0);
        }
        count += 1;
        if let Some(value) = row {
            values[end] = value;
            end += 1;
        }
    }
    presence.push(is_there, count);
    values.truncate(end);
}
