//! One answer to a probe of a traceroute.
//!
//! Source: warts(5) "Traceroute hop structure".

use super::addr::{Addr, AddrTable};
use super::cursor::{Cursor, Decoded, Fault, Params, Timeval};
use super::tables::Tables;

/// One answer. Absent fields are told by the methods, which know the format's defaults.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hop<'a> {
    set: u32,
    /// Who answered; nothing if the record says nothing.
    pub addr: Option<Addr>,
    /// Raw objects of the ICMP extension; empty if none.
    pub extension: &'a [u8],
    /// Name of the address, if it was looked up.
    pub name: Option<&'a [u8]>,
    /// When the probe was sent; seconds 0 is unknown.
    pub tx: Timeval,
    /// Round-trip time, microseconds.
    pub rtt_us: u32,
    /// Size of the probe, bytes.
    pub probe_size: u16,
    /// Size of the answer, bytes.
    pub reply_size: u16,
    /// IP identifier of the answer; 0 if the record does not say.
    pub reply_ipid: u16,
    next_hop_mtu: u16,
    quoted_length: u16,
    /// TTL of the probe.
    pub probe_ttl: u8,
    reply_ttl: u8,
    /// Flags: see [`HOP_FLAGS`].
    pub flags: u8,
    attempt: u8,
    icmp_type: u8,
    icmp_code: u8,
    /// Type of service of the answer.
    pub reply_tos: u8,
    quoted_ttl: u8,
    tcp_flags: u8,
    quoted_tos: u8,
}

/// Bit of [`Hop::flags`]: the answer's TTL is known.
const HOP_REPLY_TTL: u8 = 0x10;
/// Bit of [`Hop::flags`]: the answer came over TCP.
const HOP_TCP: u8 = 0x08;
/// Bit of [`Hop::flags`]: the answer came over UDP.
const HOP_UDP: u8 = 0x40;

impl Hop<'_> {
    fn has(&self, flag: u32) -> bool {
        self.set >> (flag - 1) & 1 == 1
    }

    /// The same without what is borrowed from the record: extension and name.
    #[inline]
    pub fn without_extras(&self) -> Hop<'static> {
        Hop { extension: &[], name: None, ..*self }
    }

    /// Which probe of this TTL was answered, from 1.
    pub fn probe_id(&self) -> u16 {
        u16::from(self.attempt) + 1
    }

    /// TTL of the answer, if the record knows it.
    pub fn reply_ttl(&self) -> Option<u8> {
        (self.flags & HOP_REPLY_TTL != 0 && self.has(3)).then_some(self.reply_ttl)
    }

    /// Is the answer an ICMP message (not TCP, not UDP)?
    #[inline]
    pub fn is_icmp(&self) -> bool {
        self.flags & (HOP_TCP | HOP_UDP) == 0 && self.has(7)
    }

    /// ICMP type and code.
    #[inline]
    pub fn icmp(&self) -> Option<(u8, u8)> {
        self.is_icmp().then_some((self.icmp_type, self.icmp_code))
    }

    /// TCP flags of the answer.
    pub fn tcp_flags(&self) -> Option<u8> {
        (self.flags & HOP_TCP != 0 || self.has(15)).then_some(self.tcp_flags)
    }

    /// Does the answer quote the probe: time exceeded, unreachable, too big?
    #[inline]
    pub fn is_quoting(&self, is_v6: bool) -> bool {
        match self.icmp() {
            Some((kind, _)) if is_v6 => (1..=3).contains(&kind),
            Some((kind, _)) => kind == 3 || kind == 11,
            None => false,
        }
    }

    /// TTL of the probe as quoted in the answer; 1 where the record leaves it out.
    #[inline]
    pub fn quoted_ttl(&self) -> u8 {
        if self.has(14) { self.quoted_ttl } else { 1 }
    }

    /// Length of the probe as quoted; the probe's size where the record leaves it out.
    #[inline]
    pub fn quoted_length(&self) -> u16 {
        if self.has(13) { self.quoted_length } else { self.probe_size }
    }

    /// Type of service of the probe as quoted.
    pub fn quoted_tos(&self) -> Option<u8> {
        self.has(16).then_some(self.quoted_tos)
    }

    /// MTU of the next hop, from "packet too big".
    pub fn next_hop_mtu(&self) -> Option<u16> {
        self.has(12).then_some(self.next_hop_mtu)
    }
}

impl<'a> Hop<'a> {
    /// Decode into `hop`, a new one, where it lies.
    #[inline]
    fn decode(
        hop: &mut Self,
        from: &mut Cursor<'a>,
        table: &mut AddrTable,
        tables: &Tables,
    ) -> Decoded<()> {
        let Params { bits, cursor: mut c } = from.params()?;
        let has = |flag: u32| bits >> (flag - 1) & 1 == 1;
        hop.set = bits as u32;
        if has(1) {
            hop.addr = tables.address(c.u32()?)?;
        }
        if has(2) {
            hop.probe_ttl = c.u8()?;
        }
        if has(3) {
            hop.reply_ttl = c.u8()?;
        }
        if has(4) {
            hop.flags = c.u8()?;
        }
        if has(5) {
            hop.attempt = c.u8()?;
        }
        if has(6) {
            hop.rtt_us = c.u32()?;
        }
        if has(7) {
            [hop.icmp_type, hop.icmp_code] = c.u16()?.to_be_bytes();
        }
        if has(8) {
            hop.probe_size = c.u16()?;
        }
        if has(9) {
            hop.reply_size = c.u16()?;
        }
        if has(10) {
            hop.reply_ipid = c.u16()?;
        }
        if has(11) {
            hop.reply_tos = c.u8()?;
        }
        if has(12) {
            hop.next_hop_mtu = c.u16()?;
        }
        if has(13) {
            hop.quoted_length = c.u16()?;
        }
        if has(14) {
            hop.quoted_ttl = c.u8()?;
        }
        if has(15) {
            hop.tcp_flags = c.u8()?;
        }
        if has(16) {
            hop.quoted_tos = c.u8()?;
        }
        if has(17) {
            hop.extension = c.extension()?;
        }
        if has(18) {
            c.addr_into(table, &mut hop.addr)?;
        }
        if has(19) {
            hop.tx = c.timeval()?;
        }
        if has(20) {
            hop.name = Some(c.string()?);
        }
        Ok(())
    }
}

/// Fewest bytes that a hop can take: its flag byte. Bounds what a lying count can allocate.
const HOP_LEAST: usize = 1;

/// Append `count` hops to `hops`.
///
/// # Errors
/// A [`Fault`] if they are not all there.
pub fn decode_hops<'a>(
    from: &mut Cursor<'a>,
    count: u16,
    table: &mut AddrTable,
    tables: &Tables,
    hops: &mut Vec<Hop<'a>>,
) -> Decoded<()> {
    if usize::from(count) * HOP_LEAST > from.remaining() {
        return Err(Fault::Short);
    }
    let start = hops.len();
    hops.resize(start + usize::from(count), Hop::default());
    hops[start..].iter_mut().try_for_each(|hop| Hop::decode(hop, from, table, tables))
}

/// Bits of [`Hop::flags`] with their names, in the order in which scamper's tools print them.
pub const HOP_FLAGS: [(u8, &str); 3] = [(0x02, "dltxts"), (0x01, "sockrxts"), (0x04, "dlrxts")];
