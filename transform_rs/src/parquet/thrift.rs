//! Thrift's compact protocol, writing side.

/// Writes one struct and the structs inside it.
#[derive(Debug, Default)]
pub struct Writer {
    /// The bytes so far.
    pub bytes: Vec<u8>,
    last: Vec<i16>,
    field: i16,
}

const I32: u8 = 5;
const I64: u8 = 6;
const BINARY: u8 = 8;
const LIST: u8 = 9;
const STRUCT: u8 = 12;

/// Append `value` as a variable-length number.
pub fn varint(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Fold the sign into the lowest bit.
pub fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

impl Writer {
    fn header(&mut self, id: i16, kind: u8) {
        let delta = id - self.field;
        if (1..=15).contains(&delta) {
            self.bytes.push((delta as u8) << 4 | kind);
        } else {
            self.bytes.push(kind);
            varint(zigzag(i64::from(id)), &mut self.bytes);
        }
        self.field = id;
    }

    /// A 32-bit number.
    pub fn i32(&mut self, id: i16, value: i32) -> &mut Self {
        self.header(id, I32);
        varint(zigzag(i64::from(value)), &mut self.bytes);
        self
    }

    /// A 64-bit number.
    pub fn i64(&mut self, id: i16, value: i64) -> &mut Self {
        self.header(id, I64);
        varint(zigzag(value), &mut self.bytes);
        self
    }

    /// A truth value.
    pub fn bool(&mut self, id: i16, value: bool) -> &mut Self {
        self.header(id, if value { 1 } else { 2 });
        self
    }

    /// Text or bytes.
    pub fn binary(&mut self, id: i16, value: &[u8]) -> &mut Self {
        self.header(id, BINARY);
        self.element(value);
        self
    }

    /// Text as an element of a list of texts.
    pub fn element(&mut self, value: &[u8]) {
        varint(value.len() as u64, &mut self.bytes);
        self.bytes.extend_from_slice(value);
    }

    /// A 32-bit number as an element of a list.
    pub fn element_i32(&mut self, value: i32) {
        varint(zigzag(i64::from(value)), &mut self.bytes);
    }

    /// A struct in a field.
    pub fn structure(&mut self, id: i16, fill: impl FnOnce(&mut Self)) -> &mut Self {
        self.header(id, STRUCT);
        self.inner(fill);
        self
    }

    /// A struct as an element of a list, or the outermost one.
    pub fn inner(&mut self, fill: impl FnOnce(&mut Self)) {
        self.last.push(self.field);
        self.field = 0;
        fill(self);
        self.bytes.push(0);
        self.field = self.last.pop().unwrap_or(0);
    }

    fn list(&mut self, id: i16, kind: u8, len: usize) {
        self.header(id, LIST);
        if len < 15 {
            self.bytes.push((len as u8) << 4 | kind);
        } else {
            self.bytes.push(0xf0 | kind);
            varint(len as u64, &mut self.bytes);
        }
    }

    /// A list of structs; `fill` must write `len` of them with [`Writer::inner`].
    pub fn structs(&mut self, id: i16, len: usize, fill: impl FnOnce(&mut Self)) -> &mut Self {
        self.list(id, STRUCT, len);
        fill(self);
        self
    }

    /// A list of 32-bit numbers.
    pub fn i32s(&mut self, id: i16, values: &[i32]) -> &mut Self {
        self.list(id, I32, values.len());
        values.iter().for_each(|value| self.element_i32(*value));
        self
    }

    /// A list of texts.
    pub fn texts(&mut self, id: i16, values: &[&str]) -> &mut Self {
        self.list(id, BINARY, values.len());
        values.iter().for_each(|value| self.element(value.as_bytes()));
        self
    }
}
