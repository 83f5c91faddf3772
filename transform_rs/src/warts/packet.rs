//! Headers of captured packets: IPv4 (RFC 791), IPv6 (RFC 8200), TCP (RFC 9293) and its options.

use super::cursor::Cursor;

/// An IP header, and the TCP header behind it.
#[derive(Debug, Clone, Copy)]
pub struct Ip<'p> {
    /// Its length, bytes.
    pub header_len: usize,
    /// Congestion bits.
    pub ecn: u8,
    /// TTL or hop limit.
    pub ttl: u8,
    /// Fragmentation; always there in IPv4.
    pub fragment: Option<Fragment>,
    /// The TCP header, if that is what follows.
    pub tcp: Option<Tcp<'p>>,
}

/// Fragmentation.
#[derive(Debug, Clone, Copy)]
pub struct Fragment {
    /// Identifier.
    pub id: u32,
    /// Offset, bytes.
    pub offset: u16,
    /// Do more fragments follow?
    pub more: bool,
    /// IPv4: must it not be fragmented?
    pub dont: Option<bool>,
}

/// A TCP header.
#[derive(Debug, Clone, Copy)]
pub struct Tcp<'p> {
    /// Its length, bytes.
    pub header_len: usize,
    /// Flags.
    pub flags: u8,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// Window.
    pub window: u16,
    /// Bytes of data behind it.
    pub data_len: usize,
    options: &'p [u8],
}

/// An option of TCP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TcpOption<'p> {
    /// Padding.
    Nop,
    /// Window scale.
    Wscale(u8),
    /// Selective acknowledgement is understood.
    SackOk,
    /// Selective acknowledgement: left and right edges.
    Sack(Vec<(u32, u32)>),
    /// Timestamp and echoed timestamp.
    Timestamps(u32, u32),
    /// Fast open, or its experimental form: name and cookie.
    FastOpen(&'static str, &'p [u8]),
    /// Any other.
    Other,
}

/// The headers of a packet; nothing if they are not whole.
pub fn parse(bytes: &[u8]) -> Option<Ip<'_>> {
    match bytes.first()? >> 4 {
        4 => v4(bytes),
        6 => v6(bytes),
        _ => None,
    }
}

fn v4(bytes: &[u8]) -> Option<Ip<'_>> {
    let header_len = usize::from(bytes[0] & 15) * 4;
    let head = bytes.get(..header_len.max(20))?;
    let word = |at: usize| u16::from_be_bytes([head[at], head[at + 1]]);
    let flags = word(6);
    let total = usize::from(word(2)).min(bytes.len());
    let offset = (flags & 0x1fff) * 8;
    let is_tcp = head[9] == 6 && offset == 0;
    Some(Ip {
        header_len,
        ecn: head[1] & 3,
        ttl: head[8],
        fragment: Some(Fragment {
            id: u32::from(word(4)),
            offset,
            more: flags & 0x2000 != 0,
            dont: Some(flags & 0x4000 != 0),
        }),
        tcp: bytes.get(header_len..total).filter(|_| is_tcp).and_then(tcp),
    })
}

const V6_HEADER: usize = 40;
const V6_FRAGMENT: u8 = 44;
const TCP: u8 = 6;

fn v6(bytes: &[u8]) -> Option<Ip<'_>> {
    let head = bytes.get(..V6_HEADER)?;
    let (mut header_len, mut next, mut fragment) = (V6_HEADER, head[6], None);
    if next == V6_FRAGMENT {
        let part = bytes.get(V6_HEADER..V6_HEADER + 8)?;
        let flags = u16::from_be_bytes([part[2], part[3]]);
        let id = u32::from_be_bytes([part[4], part[5], part[6], part[7]]);
        let (offset, more) = (flags & 0xfff8, flags & 1 == 1);
        fragment = Some(Fragment { id, offset, more, dont: None });
        (header_len, next) = (V6_HEADER + 8, part[0]);
    }
    let is_tcp = next == TCP && fragment.is_none_or(|fragment| fragment.offset == 0);
    let ecn = head[1] >> 4 & 3;
    let tcp = bytes.get(header_len..).filter(|_| is_tcp).and_then(tcp);
    Some(Ip { header_len, ecn, ttl: head[7], fragment, tcp })
}

fn tcp(bytes: &[u8]) -> Option<Tcp<'_>> {
    let mut c = Cursor::new(bytes);
    c.u32().ok()?;
    let (seq, ack) = (c.u32().ok()?, c.u32().ok()?);
    let header_len = usize::from(c.u8().ok()? >> 4) * 4;
    let (flags, window) = (c.u8().ok()?, c.u16().ok()?);
    let options = bytes.get(20..header_len)?;
    let data_len = bytes.len() - header_len;
    Some(Tcp { header_len, flags, seq, ack, window, data_len, options })
}

impl<'p> Tcp<'p> {
    /// Its options, up to the end of the list or the first broken one.
    pub fn options(&self) -> impl Iterator<Item = TcpOption<'p>> {
        let mut rest = Cursor::new(self.options);
        std::iter::from_fn(move || match rest.u8().ok()? {
            0 => None,
            1 => Some(TcpOption::Nop),
            kind => {
                let len = usize::from(rest.u8().ok()?).checked_sub(2)?;
                Some(tcp_option(kind, rest.take(len).ok()?))
            }
        })
    }
}

/// RFC 7323 (3, 8), RFC 2018 (4, 5), RFC 7413 (34, and 254 with 0xf989 before it became standard).
fn tcp_option(kind: u8, data: &[u8]) -> TcpOption<'_> {
    let word = |at: usize| data.get(at..at + 4)?.first_chunk().map(|w| u32::from_be_bytes(*w));
    match (kind, data) {
        (3, [shift]) => TcpOption::Wscale(*shift),
        (4, []) => TcpOption::SackOk,
        (5, _) => {
            let edges = (0..data.len() / 8).map(|i| word(i * 8).zip(word(i * 8 + 4)));
            TcpOption::Sack(edges.flatten().collect())
        }
        (8, _) => match word(0).zip(word(4)) {
            Some((val, ecr)) => TcpOption::Timestamps(val, ecr),
            None => TcpOption::Other,
        },
        (34, cookie) => TcpOption::FastOpen("fo", cookie),
        (254, [0xf9, 0x89, cookie @ ..]) => TcpOption::FastOpen("fo-exp", cookie),
        _ => TcpOption::Other,
    }
}
