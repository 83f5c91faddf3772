//! Checked reading of big-endian fields and of flag blocks: never past the end, never a panic.
//!
//! Source: warts(5), "flags": 7 bits a byte, the top bit says that another byte follows.

use super::addr::{Addr, AddrTable};

/// What is wrong inside a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A field, list or block reaches past the end of the record.
    #[error("a field runs past the end of the record")]
    Short,
    /// An embedded address has a length that its type cannot have.
    #[error("an address has an impossible length")]
    AddressLength,
    /// A reference to an address that this record has not defined.
    #[error("a reference to an address that was not defined")]
    AddressId,
    /// A string without its terminating zero.
    #[error("a string without an end")]
    String,
}

/// Result of decoding one field.
pub type Decoded<T> = Result<T, Fault>;

/// A moment as the vantage point's clock told it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timeval {
    /// Seconds since 1970.
    pub sec: u32,
    /// Microseconds; broken files hold 1,000,000 and more.
    pub usec: u32,
}

impl Timeval {
    /// The moment `us` microseconds later.
    pub fn after_us(self, us: u32) -> Self {
        let sum = u64::from(self.usec) + u64::from(us);
        let sec = self.sec.wrapping_add((sum / 1_000_000) as u32);
        Self { sec, usec: (sum % 1_000_000) as u32 }
    }

    /// Microseconds since 1970; an overlong microsecond part carries over.
    pub fn micros(self) -> i64 {
        i64::from(self.sec) * 1_000_000 + i64::from(self.usec)
    }
}

/// A reading position in a slice.
#[derive(Debug, Clone, Copy)]
pub struct Cursor<'a> {
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    /// Start at the beginning of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Bytes not yet read.
    pub fn remaining(&self) -> usize {
        self.rest.len()
    }

    /// The next `n` bytes.
    #[inline]
    pub fn take(&mut self, n: usize) -> Decoded<&'a [u8]> {
        let (head, tail) = self.rest.split_at_checked(n).ok_or(Fault::Short)?;
        self.rest = tail;
        Ok(head)
    }

    #[inline]
    fn array<const N: usize>(&mut self) -> Decoded<[u8; N]> {
        let (head, tail) = self.rest.split_first_chunk().ok_or(Fault::Short)?;
        self.rest = tail;
        Ok(*head)
    }

    /// The next byte.
    #[inline]
    pub fn u8(&mut self) -> Decoded<u8> {
        Ok(self.array::<1>()?[0])
    }

    /// The next 16 bits.
    #[inline]
    pub fn u16(&mut self) -> Decoded<u16> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    /// The next 32 bits.
    #[inline]
    pub fn u32(&mut self) -> Decoded<u32> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    /// The next two 32-bit numbers as a time.
    #[inline]
    pub fn timeval(&mut self) -> Decoded<Timeval> {
        let sec = self.u32()?;
        Ok(Timeval { sec, usec: self.u32()? })
    }

    /// A zero-terminated string, without its zero; not necessarily UTF-8.
    pub fn string(&mut self) -> Decoded<&'a [u8]> {
        let end = self.rest.iter().position(|b| *b == 0);
        let text = self.take(end.ok_or(Fault::String)?)?;
        self.take(1)?;
        Ok(text)
    }

    /// Read an address into `slot`: faster than [`Cursor::addr`], since nothing is moved about.
    #[inline]
    pub fn addr_into(&mut self, table: &mut AddrTable, slot: &mut Option<Addr>) -> Decoded<()> {
        if let Some(([4, 1, v4 @ ..], tail)) = self.rest.split_first_chunk::<6>() {
            self.rest = tail;
            table.push(Addr::V4(*v4));
            *slot = Some(Addr::V4(*v4));
            return Ok(());
        }
        *slot = Some(self.addr(table)?);
        Ok(())
    }

    /// An address: defined here, or a reference to one defined earlier in the record.
    pub fn addr(&mut self, table: &mut AddrTable) -> Decoded<Addr> {
        let len = self.u8()?;
        if len == 0 {
            return table.get(self.u32()?);
        }
        let kind = self.u8()?;
        let addr = Addr::from_wire(kind, self.take(usize::from(len))?)?;
        table.push(addr);
        Ok(addr)
    }

    /// ICMP extension objects: a 16-bit total, then that many bytes.
    pub fn extension(&mut self) -> Decoded<&'a [u8]> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    /// A flag block with its parameters.
    #[inline]
    pub fn params(&mut self) -> Decoded<Params<'a>> {
        // Three bytes of flags, as nearly all hops have.
        if let Some(([a, b, c, high, low], tail)) = self.rest.split_first_chunk()
            && (a & 0x80, b & 0x80, c & 0x80) == (0x80, 0x80, 0)
        {
            self.rest = tail;
            let bit = |byte: &u8, shift: u32| u64::from(byte & 0x7f) << shift;
            let bits = bit(a, 0) | bit(b, 7) | bit(c, 14);
            let len = usize::from(u16::from_be_bytes([*high, *low]));
            return Ok(Params { bits, cursor: Cursor::new(self.take(len)?) });
        }
        self.long_params()
    }

    fn long_params(&mut self) -> Decoded<Params<'a>> {
        let mut byte = self.u8()?;
        if byte == 0 {
            return Ok(Params::default());
        }
        let mut bits = u64::from(byte & 0x7f);
        let mut shift = 7;
        while byte & 0x80 != 0 {
            byte = self.u8()?;
            if shift < 63 {
                bits |= u64::from(byte & 0x7f) << shift;
            }
            shift += 7;
        }
        let len = self.u16()?;
        Ok(Params { bits, cursor: Cursor::new(self.take(usize::from(len))?) })
    }
}

/// A flag block: which parameters are there, and a cursor over them.
///
/// Parameters come in the order of their flags. Flags beyond those that a decoder asks for are
/// skipped with the block, which is the format's rule for fields of later versions.
#[derive(Debug, Clone, Copy)]
pub struct Params<'a> {
    /// Bit k-1 says that parameter k is there.
    pub bits: u64,
    /// Reads the parameters' bytes.
    pub cursor: Cursor<'a>,
}

impl Default for Params<'_> {
    fn default() -> Self {
        Self { bits: 0, cursor: Cursor::new(&[]) }
    }
}

impl<'a> Params<'a> {
    /// Is parameter `flag` (from 1) there?
    #[inline]
    pub fn has(&self, flag: u32) -> bool {
        self.bits >> (flag - 1) & 1 == 1
    }

    /// Read parameter `flag` with `read` if it is there.
    #[inline]
    pub fn get<T>(
        &mut self,
        flag: u32,
        read: impl FnOnce(&mut Cursor<'a>) -> Decoded<T>,
    ) -> Decoded<Option<T>> {
        if self.has(flag) {
            return read(&mut self.cursor).map(Some);
        }
        Ok(None)
    }
}
