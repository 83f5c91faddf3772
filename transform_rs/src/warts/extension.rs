//! ICMP extension objects, as RFC 4884 defines them and warts stores them; MPLS stacks (RFC 4950).

use super::cursor::Cursor;

/// One entry of an MPLS label stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Label {
    /// Label, 20 bits.
    pub label: u32,
    /// Traffic class.
    pub exp: u8,
    /// Bottom of stack.
    pub s: u8,
    /// TTL.
    pub ttl: u8,
}

/// One object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Object<'a> {
    /// An MPLS label stack, top first.
    Mpls(Vec<Label>),
    /// Anything else.
    Other {
        /// Class number.
        class: u8,
        /// Type within the class.
        kind: u8,
        /// Contents.
        data: &'a [u8],
    },
}

/// The objects in `bytes`; ends quietly where an object claims more than is there.
pub fn objects(bytes: &[u8]) -> impl Iterator<Item = Object<'_>> {
    let mut from = Cursor::new(bytes);
    std::iter::from_fn(move || {
        let len = from.u16().ok()?;
        let (class, kind) = (from.u8().ok()?, from.u8().ok()?);
        let data = from.take(usize::from(len)).ok()?;
        let is_mpls = class == 1 && kind == 1;
        Some(if is_mpls { Object::Mpls(labels(data)) } else { Object::Other { class, kind, data } })
    })
}

fn labels(data: &[u8]) -> Vec<Label> {
    let words = data.as_chunks::<4>().0.iter().map(|word| u32::from_be_bytes(*word));
    words
        .map(|word| Label {
            label: word >> 12,
            exp: (word >> 9 & 7) as u8,
            s: (word >> 8 & 1) as u8,
            ttl: word as u8,
        })
        .collect()
}
