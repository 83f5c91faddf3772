//! Columns in memory: values, and which rows have none.

use std::ops::Range;

use hashbrown::HashMap;

/// What a column holds, and how it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
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

/// Distinct texts, numbered in order of appearance.
#[derive(Debug, Default, Clone)]
pub struct Dictionary {
    ids: HashMap<Vec<u8>, u32, foldhash::fast::FixedState>,
    /// The texts in PLAIN encoding: length, then bytes.
    plain: Vec<u8>,
    ends: Vec<u32>,
    last: Range<usize>,
    last_id: u32,
}

impl Dictionary {
    /// The number of `text`.
    pub fn intern(&mut self, text: &[u8]) -> u32 {
        // Most columns say the same again and again.
        if self.plain.get(self.last.clone()).is_some_and(|last| last == text && !text.is_empty()) {
            return self.last_id;
        }
        let id = self.find_or_append(text);
        let end = self.ends[id as usize] as usize;
        (self.last_id, self.last) = (id, end - text.len()..end);
        id
    }

    fn find_or_append(&mut self, text: &[u8]) -> u32 {
        if let Some(id) = self.ids.get(text) {
            return *id;
        }
        let id = self.append(text);
        self.ids.insert(text.to_vec(), id);
        id
    }

    /// Number `text` without looking whether it has a number already.
    pub fn append(&mut self, text: &[u8]) -> u32 {
        self.plain.extend_from_slice(&(text.len() as u32).to_le_bytes());
        self.plain.extend_from_slice(text);
        self.ends.push(self.plain.len() as u32);
        self.ends.len() as u32 - 1
    }

    /// How many texts there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Are there none?
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The texts in PLAIN encoding.
    pub fn plain(&self) -> &[u8] {
        &self.plain
    }

    /// The texts, in order of number.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(from, to)| &self.plain[from as usize + 4..*to as usize])
    }

    fn clear(&mut self) {
        self.ids.clear();
        self.plain.clear();
        self.ends.clear();
        self.last = 0..0;
    }
}

/// Values of a column; rows without one take no place.
#[derive(Debug, Clone)]
pub enum Values {
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
    runs: Vec<(bool, u32)>,
    rows: usize,
}

impl Presence {
    /// Note `count` rows.
    #[inline]
    pub fn push(&mut self, is_there: bool, count: u32) {
        self.rows += count as usize;
        match self.runs.last_mut() {
            Some((kind, run)) if *kind == is_there => *run += count,
            _ => self.runs.push((is_there, count)),
        }
    }

    /// Runs of rows with and without value.
    pub fn runs(&self) -> &[(bool, u32)] {
        &self.runs
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
            Values::I32(values) => values.clear(),
            Values::I64(values) => values.clear(),
            Values::F64(values) => values.clear(),
            Values::Bool(values) => values.clear(),
            Values::Text(values, dictionary) => {
                values.clear();
                dictionary.clear();
            }
        }
        self.presence.runs.clear();
        self.presence.rows = 0;
    }

    /// Append a row with a number, or without value. Numbers go into numeric columns only.
    #[inline]
    pub fn int(&mut self, value: Option<impl Into<i64>>) {
        let value = value.map(Into::into);
        self.presence.push(value.is_some(), 1);
        match (&mut self.values, value) {
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
            Values::I32(values) => values.extend(rows.map(|value| value as i32)),
            Values::I64(values) => values.extend(rows),
            _ => debug_assert!(false, "numbers for another column"),
        }
    }

    /// Append rows with a number each, or without value.
    #[inline]
    pub fn extend_optional(&mut self, rows: impl Iterator<Item = Option<i64>>) {
        let presence = &mut self.presence;
        let seen = rows.inspect(|value| presence.push(value.is_some(), 1)).flatten();
        match &mut self.values {
            Values::I32(values) => seen.for_each(|value| values.push(value as i32)),
            Values::I64(values) => seen.for_each(|value| values.push(value)),
            _ => debug_assert!(false, "numbers for another column"),
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

    /// Append the rows of `other`, a column of the same type.
    pub fn append(&mut self, other: &Self) {
        match (&mut self.values, &other.values) {
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
        for (is_there, count) in &other.presence.runs {
            self.presence.push(*is_there, *count);
        }
    }
}
