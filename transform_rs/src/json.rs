//! JSON written by hand: numbers and known keys need no escaping, which is most of the output.

/// Append `text` as a JSON string; bytes that are no UTF-8 are replaced.
///
/// ```
/// let mut out = Vec::new();
/// transform_rs::json::string(b"a\"b\n", &mut out);
/// assert_eq!(br#""a\"b\u000a""#, &out[..]);
/// ```
pub fn string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for c in String::from_utf8_lossy(text).chars() {
        match c {
            '"' | '\\' => out.extend_from_slice(&[b'\\', c as u8]),
            '\0'..='\x1f' => {
                out.extend_from_slice(b"\\u00");
                let digits = crate::input::hex(&[c as u8]);
                out.extend_from_slice(digits.as_bytes());
            }
            _ => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

/// Append a number.
#[inline]
pub fn number(value: impl itoa::Integer, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// An object under construction.
pub struct Object<'o> {
    /// Where it goes.
    pub out: &'o mut Vec<u8>,
    is_first: bool,
}

impl<'o> Object<'o> {
    /// Begin an object.
    pub fn begin(out: &'o mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, is_first: true }
    }

    /// Append a key; its value must follow in [`Object::out`].
    pub fn key(&mut self, key: &str) -> &mut Vec<u8> {
        if !self.is_first {
            self.out.push(b',');
        }
        self.is_first = false;
        self.out.push(b'"');
        self.out.extend_from_slice(key.as_bytes());
        self.out.extend_from_slice(b"\":");
        self.out
    }

    /// A number.
    pub fn number(&mut self, key: &str, value: impl itoa::Integer) -> &mut Self {
        number(value, self.key(key));
        self
    }

    /// A string.
    pub fn string(&mut self, key: &str, value: impl AsRef<[u8]>) -> &mut Self {
        string(value.as_ref(), self.key(key));
        self
    }

    /// A string or null.
    pub fn optional(&mut self, key: &str, value: Option<impl AsRef<[u8]>>) -> &mut Self {
        match value {
            Some(value) => self.string(key, value),
            None => self.raw(key, "null"),
        }
    }

    /// Text that is JSON already.
    pub fn raw(&mut self, key: &str, value: &str) -> &mut Self {
        self.key(key).extend_from_slice(value.as_bytes());
        self
    }

    /// An object.
    pub fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) -> &mut Self {
        let mut inner = Object::begin(self.key(key));
        fill(&mut inner);
        inner.end();
        self
    }

    /// An array; `fill` appends each item.
    pub fn array<T>(
        &mut self,
        key: &str,
        items: impl IntoIterator<Item = T>,
        mut fill: impl FnMut(T, &mut Vec<u8>),
    ) -> &mut Self {
        let out = self.key(key);
        out.push(b'[');
        let mut is_first = true;
        for item in items {
            if !is_first {
                out.push(b',');
            }
            is_first = false;
            fill(item, out);
        }
        out.push(b']');
        self
    }

    /// End the object.
    pub fn end(&mut self) {
        self.out.push(b'}');
    }
}
