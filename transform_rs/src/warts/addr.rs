//! Addresses as warts stores them, and their text.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::cursor::{Decoded, Fault};

/// An address of a host, an interface or a link layer; sorted by family, then by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Addr {
    /// IPv4.
    V4([u8; 4]),
    /// IPv6.
    V6([u8; 16]),
    /// Ethernet.
    Mac([u8; 6]),
    /// IEEE 1394.
    Firewire([u8; 8]),
    /// A type number that this program does not know.
    Unknown(u8),
}

impl Addr {
    /// From type number and bytes, as in a record.
    ///
    /// # Errors
    /// [`Fault::AddressLength`] if a known type comes with another length.
    pub fn from_wire(kind: u8, bytes: &[u8]) -> Decoded<Self> {
        let addr = match kind {
            1 => bytes.try_into().map(Self::V4),
            2 => bytes.try_into().map(Self::V6),
            3 => bytes.try_into().map(Self::Mac),
            4 => bytes.try_into().map(Self::Firewire),
            other => Ok(Self::Unknown(other)),
        };
        addr.map_err(|_| Fault::AddressLength)
    }

    /// From text.
    ///
    /// ```
    /// use transform_rs::warts::addr::Addr;
    /// assert_eq!(Some(Addr::V4([192, 0, 2, 1])), Addr::parse("192.0.2.1"));
    /// assert_eq!(None, Addr::parse("192.0.2.256"));
    /// ```
    pub fn parse(text: &str) -> Option<Self> {
        if let Ok(v4) = text.parse::<Ipv4Addr>() {
            return Some(Self::V4(v4.octets()));
        }
        text.parse::<Ipv6Addr>().ok().map(|v6| Self::V6(v6.octets()))
    }

    /// 4, 6, or nothing for link layers.
    pub fn ip_version(self) -> Option<u8> {
        match self {
            Self::V4(_) => Some(4),
            Self::V6(_) => Some(6),
            _ => None,
        }
    }

    /// Append the text: dotted quad, RFC 5952, or bytes in hexadecimal.
    pub fn write_to(self, out: &mut Vec<u8>) {
        match self {
            Self::V4(bytes) => write_v4(bytes, out),
            Self::V6(bytes) => write_display(Ipv6Addr::from(bytes), out),
            Self::Mac(bytes) => write_hex(&bytes, out),
            Self::Firewire(bytes) => write_hex(&bytes, out),
            Self::Unknown(kind) => write_display(format_args!("type-{kind}"), out),
        }
    }
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(40);
        self.write_to(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

/// The decimal digits of each byte with a dot behind them, and how many characters these are.
const OCTETS: [([u8; 4], u8); 256] = {
    let mut octets = [([b'.'; 4], 0); 256];
    let mut n = 0;
    while n < 256 {
        let digits = [b'0' + (n / 100) as u8, b'0' + (n / 10 % 10) as u8, b'0' + (n % 10) as u8];
        octets[n] = match n {
            0..=9 => ([digits[2], b'.', 0, 0], 2),
            10..=99 => ([digits[1], digits[2], b'.', 0], 3),
            _ => ([digits[0], digits[1], digits[2], b'.'], 4),
        };
        n += 1;
    }
    octets
};

fn write_v4(bytes: [u8; 4], out: &mut Vec<u8>) {
    let mut text = [0; 16];
    let mut len = 0;
    for byte in bytes {
        let (digits, count) = OCTETS[usize::from(byte)];
        text[len..len + 4].copy_from_slice(&digits);
        len += usize::from(count);
    }
    // A copy of fixed length needs no call; what is too much goes again.
    let end = out.len() + len - 1;
    out.extend_from_slice(&text);
    out.truncate(end);
}

fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    for (i, byte) in bytes.iter().enumerate() {
        let separator = if i == 0 { "" } else { ":" };
        write_display(format_args!("{separator}{byte:02x}"), out);
    }
}

fn write_display(value: impl fmt::Display, out: &mut Vec<u8>) {
    use std::io::Write;
    // Writing into a Vec cannot fail.
    let _ = write!(out, "{value}");
}

/// The addresses that one record has defined so far, numbered from 0.
#[derive(Debug, Default)]
pub struct AddrTable {
    entries: Vec<Addr>,
}

impl AddrTable {
    /// Forget the addresses of the record before.
    pub fn clear(&mut self) {
        self.entries.clear();
    }

    /// Number the next address.
    #[inline]
    pub fn push(&mut self, addr: Addr) {
        self.entries.push(addr);
    }

    /// The address with number `id`.
    ///
    /// # Errors
    /// [`Fault::AddressId`] if this record has not defined it.
    #[inline]
    pub fn get(&self, id: u32) -> Decoded<Addr> {
        let found = self.entries.get(id as usize);
        found.copied().ok_or(Fault::AddressId)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_dotted_quad_and_rfc_5952() {
        let v6 = Addr::parse("2001:db8:0:0:1:0:0:1").unwrap();

        assert_eq!("10.0.255.1", Addr::V4([10, 0, 255, 1]).to_string());
        assert_eq!("2001:db8::1:0:0:1", v6.to_string());
        assert_eq!("02:00:00:00:00:0a", Addr::Mac([2, 0, 0, 0, 0, 10]).to_string());
    }
}
