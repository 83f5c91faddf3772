//! Builds records: flag blocks with their parameters, as [`super::cursor`] reads them.
//!
//! Source: warts(5), "flags" and "addresses".

use super::addr::Addr;
use super::cursor::Timeval;
use super::kind::Kind;

/// A block or a record has no room for what it should hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("more than a warts record can hold")]
pub struct TooLong;

/// A flag block under construction; parameters must come in the order of their flags.
///
/// ```
/// use transform_rs::warts::cursor::Cursor;
/// use transform_rs::warts::encode::Block;
///
/// let mut bytes = Vec::new();
/// Block::default().u8(2, Some(7)).u16(9, None).u16(12, Some(44)).end(&mut bytes)?;
/// let mut p = Cursor::new(&bytes).params()?;
/// assert_eq!(Some(7), p.get(2, Cursor::u8)?);
/// assert_eq!(None, p.get(9, Cursor::u16)?);
/// assert_eq!(Some(44), p.get(12, Cursor::u16)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Default)]
pub struct Block {
    bits: u64,
    bytes: Vec<u8>,
}

impl Block {
    /// A parameter that is these bytes.
    pub fn raw(&mut self, flag: u32, bytes: Option<&[u8]>) -> &mut Self {
        if let Some(bytes) = bytes {
            self.bits |= 1 << (flag - 1);
            self.bytes.extend_from_slice(bytes);
        }
        self
    }

    /// A byte.
    pub fn u8(&mut self, flag: u32, value: Option<u8>) -> &mut Self {
        self.raw(flag, value.map(u8::to_be_bytes).as_ref().map(|b| &b[..]))
    }

    /// 16 bits.
    pub fn u16(&mut self, flag: u32, value: Option<u16>) -> &mut Self {
        self.raw(flag, value.map(u16::to_be_bytes).as_ref().map(|b| &b[..]))
    }

    /// 32 bits.
    pub fn u32(&mut self, flag: u32, value: Option<u32>) -> &mut Self {
        self.raw(flag, value.map(u32::to_be_bytes).as_ref().map(|b| &b[..]))
    }

    /// A time.
    pub fn time(&mut self, flag: u32, value: Option<Timeval>) -> &mut Self {
        if let Some(at) = value {
            self.u32(flag, Some(at.sec)).u32(flag, Some(at.usec));
        }
        self
    }

    /// A string; what follows a zero in it is left out.
    pub fn string(&mut self, flag: u32, value: Option<&[u8]>) -> &mut Self {
        if let Some(text) = value {
            self.raw(flag, text.split(|byte| *byte == 0).next()).raw(flag, Some(&[0]));
        }
        self
    }

    /// An address, defined in place.
    pub fn addr(&mut self, flag: u32, value: Option<Addr>) -> &mut Self {
        if let Some(addr) = value {
            self.raw(flag, Some(&[]));
            put_addr(addr, &mut self.bytes);
        }
        self
    }

    /// A byte that counts, then that many addresses.
    ///
    /// # Errors
    /// [`TooLong`] beyond 255.
    pub fn addrs(&mut self, flag: u32, values: &[Addr]) -> Result<&mut Self, TooLong> {
        if !values.is_empty() {
            self.u8(flag, Some(u8::try_from(values.len()).map_err(|_| TooLong)?));
            values.iter().for_each(|addr| put_addr(*addr, &mut self.bytes));
        }
        Ok(self)
    }

    /// Append the block to `out` and start anew.
    ///
    /// # Errors
    /// [`TooLong`] if its parameters do not fit into 64 KiB.
    pub fn end(&mut self, out: &mut Vec<u8>) -> Result<(), TooLong> {
        let len = u16::try_from(self.bytes.len()).map_err(|_| TooLong)?;
        let mut bits = self.bits;
        loop {
            let more = bits >> 7 != 0;
            out.push((bits & 0x7f) as u8 | u8::from(more) << 7);
            bits >>= 7;
            if !more {
                break;
            }
        }
        if self.bits != 0 {
            out.extend_from_slice(&len.to_be_bytes());
            out.extend_from_slice(&self.bytes);
        }
        self.bits = 0;
        self.bytes.clear();
        Ok(())
    }
}

/// Append an address: length, type, bytes.
pub fn put_addr(addr: Addr, out: &mut Vec<u8>) {
    let mut put = |kind: u8, bytes: &[u8]| {
        out.extend_from_slice(&[bytes.len() as u8, kind]);
        out.extend_from_slice(bytes);
    };
    match addr {
        Addr::V4(bytes) => put(1, &bytes),
        Addr::V6(bytes) => put(2, &bytes),
        Addr::Mac(bytes) => put(3, &bytes),
        Addr::Firewire(bytes) => put(4, &bytes),
        Addr::Unknown(kind) => put(kind, &[0]),
    }
}

/// Append a record whose body `fill` writes; nothing is appended if that fails.
///
/// # Errors
/// What `fill` says.
pub fn record<E>(
    kind: Kind,
    out: &mut Vec<u8>,
    fill: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = out.len();
    out.extend_from_slice(&[0x12, 0x05]);
    out.extend_from_slice(&kind.0.to_be_bytes());
    out.extend_from_slice(&[0; 4]);
    if let Err(error) = fill(out) {
        out.truncate(start);
        return Err(error);
    }
    let len = (out.len() - start - crate::walk::HEADER) as u32;
    out[start + 4..start + 8].copy_from_slice(&len.to_be_bytes());
    Ok(())
}
