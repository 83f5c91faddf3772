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
        let Params { bits, cursor } = from.params()?;
        // The same code, in which the compiler knows what is there and where.
        match bits as u32 {
            USUAL_V4 => hop.read(USUAL_V4, cursor, table, tables),
            USUAL_V6 => hop.read(USUAL_V6, cursor, table, tables),
            other => hop.read(other, cursor, table, tables),
        }
    }

    /// Read the parameters that `bits` says are there.
    #[inline(always)]
    fn read(
        &mut self,
        bits: u32,
        mut from: Cursor<'a>,
        table: &mut AddrTable,
        tables: &Tables,
    ) -> Decoded<()> {
        let has = |flag: u32| bits >> (flag - 1) & 1 == 1;
        self.set = bits;
        let mut c = Cursor::new(from.take(fixed_len(bits))?);
        if has(1) {
            self.addr = tables.address(c.u32()?)?;
        }
        if has(2) {
            self.probe_ttl = c.u8()?;
        }
        if has(3) {
            self.reply_ttl = c.u8()?;
        }
        if has(4) {
            self.flags = c.u8()?;
        }
        if has(5) {
            self.attempt = c.u8()?;
        }
        if has(6) {
            self.rtt_us = c.u32()?;
        }
        if has(7) {
            [self.icmp_type, self.icmp_code] = c.u16()?.to_be_bytes();
        }
        if has(8) {
            self.probe_size = c.u16()?;
        }
        if has(9) {
            self.reply_size = c.u16()?;
        }
        if has(10) {
            self.reply_ipid = c.u16()?;
        }
        if has(11) {
            self.reply_tos = c.u8()?;
        }
        if has(12) {
            self.next_hop_mtu = c.u16()?;
        }
        if has(13) {
            self.quoted_length = c.u16()?;
        }
        if has(14) {
            self.quoted_ttl = c.u8()?;
        }
        if has(15) {
            self.tcp_flags = c.u8()?;
        }
        if has(16) {
            self.quoted_tos = c.u8()?;
        }
        if has(17) {
            self.extension = from.extension()?;
        }
        if has(18) {
            from.addr_into(table, &mut self.addr)?;
        }
        if has(19) {
            self.tx = from.timeval()?;
        }
        if has(20) {
            self.name = Some(from.string()?);
        }
        Ok(())
    }
}

/// The flags of nearly all hops that scamper writes of IPv4 traces: 2 to 11, 16, 18 and 19.
const USUAL_V4: u32 = 0x6_87fe;
/// The same of IPv6 traces: no IP identifier.
const USUAL_V6: u32 = 0x6_85fe;

/// Bytes of the parameters 1 to 16 that `bits` says are there; each has its own fixed length.
#[inline(always)]
const fn fixed_len(bits: u32) -> usize {
    let (of_1, of_2, of_4) = (0xe41e, 0x1bc0, 0x0021);
    let one = (bits & of_1).count_ones();
    let two = (bits & of_2).count_ones();
    (one + 2 * two + 4 * (bits & of_4).count_ones()) as usize
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
