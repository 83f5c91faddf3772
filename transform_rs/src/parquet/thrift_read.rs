//! Thrift's compact protocol, reading side; bounded, so that no input can make it run away.

use std::collections::BTreeMap;

/// A value of a struct's field.
#[derive(Debug, Clone)]
pub enum Value {
    /// A number or a truth value.
    Int(i64),
    /// Text or bytes.
    Binary(Vec<u8>),
    /// A list.
    List(Vec<Value>),
    /// A struct.
    Struct(Struct),
    /// Something that nobody asks for.
    Other,
}

/// A struct: its fields by number.
#[derive(Debug, Clone, Default)]
pub struct Struct {
    fields: BTreeMap<i64, Value>,
}

/// Structs nested deeper than this are no Parquet metadata.
const DEEPEST: u32 = 16;

struct Reader<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl Value {
    /// As a struct.
    pub fn as_struct(&self) -> Option<&Struct> {
        match self {
            Self::Struct(inner) => Some(inner),
            _ => None,
        }
    }
}

impl Struct {
    /// Parse `bytes`, which hold one struct.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        Self::parse_prefix(bytes).map(|(parsed, _)| parsed)
    }

    /// Parse a struct at the start of `bytes`; also tells its size.
    pub fn parse_prefix(bytes: &[u8]) -> Option<(Self, usize)> {
        let mut reader = Reader { bytes, at: 0 };
        let parsed = reader.structure(0)?;
        Some((parsed, reader.at))
    }

    /// Field `id` as a number.
    pub fn int(&self, id: i64) -> Option<i64> {
        match self.fields.get(&id)? {
            Value::Int(value) => Some(*value),
            _ => None,
        }
    }

    /// Field `id` as text.
    pub fn text(&self, id: i64) -> Option<String> {
        match self.fields.get(&id)? {
            Value::Binary(bytes) => String::from_utf8(bytes.clone()).ok(),
            _ => None,
        }
    }

    /// Field `id` as a list.
    pub fn list(&self, id: i64) -> Option<&[Value]> {
        match self.fields.get(&id)? {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// Field `id` as a struct.
    pub fn structure(&self, id: i64) -> Option<&Self> {
        self.fields.get(&id)?.as_struct()
    }
}

impl Reader<'_> {
    fn byte(&mut self) -> Option<u8> {
        let byte = self.bytes.get(self.at).copied();
        self.at += 1;
        byte
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    fn zigzag(&mut self) -> Option<i64> {
        let value = self.varint()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    fn structure(&mut self, depth: u32) -> Option<Struct> {
        let mut parsed = Struct::default();
        let mut id = 0;
        if depth > DEEPEST {
            return None;
        }
        loop {
            let head = self.byte()?;
            if head == 0 {
                return Some(parsed);
            }
            let delta = i64::from(head >> 4);
            id = if delta == 0 { self.zigzag()? } else { id + delta };
            let value = self.value(head & 0x0f, depth)?;
            parsed.fields.insert(id, value);
        }
    }

    fn value(&mut self, kind: u8, depth: u32) -> Option<Value> {
        Some(match kind {
            1 => Value::Int(1),
            2 => Value::Int(0),
            3 => Value::Int(i64::from(self.byte()?)),
            4..=6 => Value::Int(self.zigzag()?),
            7 => {
                self.at += 8;
                Value::Other
            }
            8 => {
                let len = usize::try_from(self.varint()?).ok()?;
                let end = self.at.checked_add(len)?;
                let bytes = self.bytes.get(self.at..end)?.to_vec();
                self.at = end;
                Value::Binary(bytes)
            }
            9 | 10 => self.list(depth)?,
            12 => Value::Struct(self.structure(depth + 1)?),
            _ => return None,
        })
    }

    fn list(&mut self, depth: u32) -> Option<Value> {
        let head = self.byte()?;
        let short = u64::from(head >> 4);
        let len = if short == 15 { self.varint()? } else { short };
        // Each item takes at least a byte: a lying length ends at the end of the bytes.
        let items = (0..len).map(|_| {
            (self.at < self.bytes.len()).then_some(())?;
            let kind = head & 0x0f;
            if kind <= 2 {
                self.byte().map(|b| Value::Int(i64::from(b == 1)))
            } else {
                self.value(kind, depth + 1)
            }
        });
        items.collect::<Option<_>>().map(Value::List)
    }
}
