//! Ping records (type 7).
//!
//! Source: warts(5) "Ping structure"; flags 30 and up and reply flags 16 to 20 as observed.

use super::addr::{Addr, AddrTable};
use super::cursor::{Cursor, Decoded, Fault, Params, Timeval};
use super::tables::Tables;

/// A ping.
#[derive(Debug, Default, Clone)]
pub struct Ping<'a> {
    /// The list's number in the file; 0 is none.
    pub list_id: u32,
    /// The cycle's number in the file; 0 is none.
    pub cycle_id: u32,
    /// Source address.
    pub src: Option<Addr>,
    /// Destination address.
    pub dst: Option<Addr>,
    /// When pinging began.
    pub start: Option<Timeval>,
    /// Why pinging ended: 0 none, 1 done, 2 error, 3 halted.
    pub stop_reason: u8,
    /// Detail of the reason.
    pub stop_data: u8,
    /// Payload of probes.
    pub payload: &'a [u8],
    /// Probes asked for.
    pub probe_count: Option<u16>,
    /// Size of probes, bytes.
    pub probe_size: u16,
    /// Wait between probes, seconds.
    pub wait_s: u8,
    /// Further wait between probes, microseconds.
    pub wait_us: u32,
    /// TTL of probes.
    pub ttl: u8,
    /// Replies asked for before stopping.
    pub reply_count: Option<u16>,
    /// Probes sent.
    pub sent: u16,
    /// Kind of probe: see [`method_name`].
    pub method: u8,
    /// Source port, or ICMP id.
    pub sport: u16,
    /// Destination port, or first ICMP sequence number.
    pub dport: u16,
    /// Number that the user gave to the ping.
    pub user_id: u32,
    /// Flags: see [`PING_FLAGS`].
    pub flags: u32,
    /// Type of service of probes.
    pub tos: u8,
    /// Addresses asked for in the timestamp option.
    pub timestamps_of: Vec<Addr>,
    /// ICMP checksum asked for.
    pub icmp_csum: u16,
    /// Path MTU pretended by probes.
    pub pmtu: Option<u16>,
    /// Wait for an answer, seconds.
    pub timeout_s: Option<u8>,
    /// TCP sequence number.
    pub tcp_seq: u32,
    /// TCP acknowledgement number.
    pub tcp_ack: u32,
    /// The message of a failed ping.
    pub errmsg: Option<&'a [u8]>,
    /// Answers, in the record's order.
    pub replies: Vec<Reply<'a>>,
}

/// One answer to a ping.
#[derive(Debug, Default, Clone)]
pub struct Reply<'a> {
    /// Who answered.
    pub addr: Option<Addr>,
    /// Flags: bit 3 transmit, bit 4 receive time from the data link.
    pub flags: u8,
    /// TTL of the answer.
    pub ttl: u8,
    /// Size of the answer, bytes.
    pub size: u16,
    /// ICMP type and code.
    pub icmp: (u8, u8),
    /// Round-trip time, microseconds.
    pub rtt_us: u32,
    /// Which probe was answered, from 0.
    pub probe_id: u16,
    /// IP identifier of the answer.
    pub ipid: u16,
    /// IPv6 fragment identifier of the answer.
    pub ipid32: Option<u32>,
    /// IP identifier of the probe.
    pub probe_ipid: u16,
    /// IP protocol of the answer; nothing is ICMP.
    pub protocol: Option<u8>,
    /// TCP flags.
    pub tcp_flags: u8,
    /// Addresses of the record-route option.
    pub route: Vec<Addr>,
    /// Times of the timestamp option.
    pub timestamps: Vec<u32>,
    /// Addresses of the timestamp option.
    pub timestamp_addrs: Vec<Addr>,
    /// When the probe was sent; seconds 0 is unknown.
    pub tx: Timeval,
    /// Originate, receive and transmit time of an ICMP timestamp reply.
    pub ts_reply: Option<[u32; 3]>,
    /// Type of service of the answer.
    pub tos: u8,
    /// Interface that the answer came in by.
    pub ifname: Option<&'a [u8]>,
}

/// ICMP, TCP or UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// ICMP or ICMPv6.
    Icmp,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// Another number.
    Other(u8),
}

impl Reply<'_> {
    /// Protocol of the answer.
    pub fn protocol(&self) -> Protocol {
        match self.protocol {
            None | Some(1 | 58) => Protocol::Icmp,
            Some(6) => Protocol::Tcp,
            Some(17) => Protocol::Udp,
            Some(other) => Protocol::Other(other),
        }
    }
}

impl<'a> Ping<'a> {
    /// Decode the record with this body.
    ///
    /// # Errors
    /// A [`Fault`] if the record contradicts itself.
    pub fn decode(body: &'a [u8], tables: &Tables) -> Decoded<Self> {
        let mut from = Cursor::new(body);
        let mut table = AddrTable::default();
        let mut ping = Self::decode_params(from.params()?, &mut table, tables)?;
        let count = from.u16()?;
        if usize::from(count) > from.remaining() {
            return Err(Fault::Short);
        }
        let mut names = Vec::new();
        for _ in 0..count {
            ping.replies.push(Reply::decode(from.params()?, &mut table, &mut names, tables)?);
        }
        Ok(ping)
    }

    fn decode_params(mut p: Params<'a>, table: &mut AddrTable, tables: &Tables) -> Decoded<Self> {
        let mut ping = Self {
            list_id: p.get(1, Cursor::u32)?.unwrap_or(0),
            cycle_id: p.get(2, Cursor::u32)?.unwrap_or(0),
            ..Self::default()
        };
        let src_id = p.get(3, Cursor::u32)?;
        let dst_id = p.get(4, Cursor::u32)?;
        ping.start = p.get(5, Cursor::timeval)?;
        ping.stop_reason = p.get(6, Cursor::u8)?.unwrap_or(0);
        ping.stop_data = p.get(7, Cursor::u8)?.unwrap_or(0);
        let payload_len = p.get(8, Cursor::u16)?.unwrap_or(0);
        ping.payload = p.get(9, |c| c.take(usize::from(payload_len)))?.unwrap_or_default();
        ping.probe_count = p.get(10, Cursor::u16)?;
        ping.probe_size = p.get(11, Cursor::u16)?.unwrap_or(0);
        ping.wait_s = p.get(12, Cursor::u8)?.unwrap_or(0);
        ping.ttl = p.get(13, Cursor::u8)?.unwrap_or(0);
        ping.reply_count = p.get(14, Cursor::u16)?;
        ping.sent = p.get(15, Cursor::u16)?.unwrap_or(0);
        ping.method = p.get(16, Cursor::u8)?.unwrap_or(0);
        ping.sport = p.get(17, Cursor::u16)?.unwrap_or(0);
        ping.dport = p.get(18, Cursor::u16)?.unwrap_or(0);
        ping.user_id = p.get(19, Cursor::u32)?.unwrap_or(0);
        ping.src = p.get(20, |c| c.addr(table))?;
        ping.dst = p.get(21, |c| c.addr(table))?;
        let short_flags = p.get(22, Cursor::u8)?;
        ping.tos = p.get(23, Cursor::u8)?.unwrap_or(0);
        ping.timestamps_of = p.get(24, |c| addrs(c, table))?.unwrap_or_default();
        ping.icmp_csum = p.get(25, Cursor::u16)?.unwrap_or(0);
        ping.pmtu = p.get(26, Cursor::u16)?;
        ping.timeout_s = p.get(27, Cursor::u8)?;
        ping.wait_us = p.get(28, Cursor::u32)?.unwrap_or(0);
        ping.tcp_ack = p.get(29, Cursor::u32)?.unwrap_or(0);
        let long_flags = p.get(30, Cursor::u32)?;
        ping.tcp_seq = p.get(31, Cursor::u32)?.unwrap_or(0);
        // What flags 32 and 33 hold is not published: what follows them cannot be found.
        if !p.has(32) && !p.has(33) {
            ping.errmsg = p.get(34, Cursor::string)?;
        }
        ping.flags = long_flags.unwrap_or(u32::from(short_flags.unwrap_or(0)));
        if let Some(id) = src_id {
            ping.src = tables.address(id)?;
        }
        if let Some(id) = dst_id {
            ping.dst = tables.address(id)?;
        }
        Ok(ping)
    }

    /// How many probes were answered.
    pub fn answered(&self) -> usize {
        let mut ids: Vec<u16> = self.replies.iter().map(|reply| reply.probe_id).collect();
        ids.sort_unstable();
        ids.dedup();
        ids.len()
    }
}

impl<'a> Reply<'a> {
    fn decode(
        mut p: Params<'a>,
        table: &mut AddrTable,
        names: &mut Vec<&'a [u8]>,
        tables: &Tables,
    ) -> Decoded<Self> {
        let mut reply = Self::default();
        if let Some(id) = p.get(1, Cursor::u32)? {
            reply.addr = tables.address(id)?;
        }
        reply.flags = p.get(2, Cursor::u8)?.unwrap_or(0);
        reply.ttl = p.get(3, Cursor::u8)?.unwrap_or(0);
        reply.size = p.get(4, Cursor::u16)?.unwrap_or(0);
        let [kind, code] = p.get(5, Cursor::u16)?.unwrap_or(0).to_be_bytes();
        reply.icmp = (kind, code);
        reply.rtt_us = p.get(6, Cursor::u32)?.unwrap_or(0);
        reply.probe_id = p.get(7, Cursor::u16)?.unwrap_or(0);
        reply.ipid = p.get(8, Cursor::u16)?.unwrap_or(0);
        reply.probe_ipid = p.get(9, Cursor::u16)?.unwrap_or(0);
        reply.protocol = p.get(10, Cursor::u8)?;
        reply.tcp_flags = p.get(11, Cursor::u8)?.unwrap_or(0);
        if let Some(addr) = p.get(12, |c| c.addr(table))? {
            reply.addr = Some(addr);
        }
        reply.route = p.get(13, |c| addrs(c, table))?.unwrap_or_default();
        if p.has(14) {
            let c = &mut p.cursor;
            let (times, addresses) = (c.u8()?, c.u8()?);
            reply.timestamps = (0..times).map(|_| c.u32()).collect::<Decoded<_>>()?;
            reply.timestamp_addrs =
                (0..addresses).map(|_| c.addr(table)).collect::<Decoded<_>>()?;
        }
        reply.ipid32 = p.get(15, Cursor::u32)?;
        reply.tx = p.get(16, Cursor::timeval)?.unwrap_or_default();
        reply.ts_reply = p.get(17, |c| Ok([c.u32()?, c.u32()?, c.u32()?]))?;
        // What flag 18 holds is not published: what follows it cannot be found.
        if !p.has(18) {
            reply.tos = p.get(19, Cursor::u8)?.unwrap_or(0);
            reply.ifname = p.get(20, |c| ifname(c, names))?;
        }
        Ok(reply)
    }
}

fn addrs(c: &mut Cursor<'_>, table: &mut AddrTable) -> Decoded<Vec<Addr>> {
    let count = c.u8()?;
    (0..count).map(|_| c.addr(table)).collect()
}

/// The name of an interface: numbered from 1 in the record, spelt out where its number is new.
fn ifname<'a>(c: &mut Cursor<'a>, names: &mut Vec<&'a [u8]>) -> Decoded<&'a [u8]> {
    let index = usize::from(c.u8()?).checked_sub(1).ok_or(Fault::String)?;
    if index == names.len() {
        names.push(c.string()?);
    }
    names.get(index).copied().ok_or(Fault::String)
}

/// Name of a method number, as scamper's tools print it.
pub fn method_name(method: u8) -> Option<&'static str> {
    let names = [
        "icmp-echo",
        "tcp-ack",
        "tcp-ack-sport",
        "udp",
        "udp-dport",
        "icmp-time",
        "tcp-syn",
        "tcp-synack",
        "tcp-rst",
    ];
    names.get(usize::from(method)).copied()
}

/// Name of a stop reason, as scamper's tools print it.
pub fn stop_reason_name(reason: u8) -> Option<&'static str> {
    ["none", "done", "error", "halted", "inprogress"].get(usize::from(reason)).copied()
}

/// Bits of [`Ping::flags`] with their names.
pub const PING_FLAGS: [(u32, &str); 9] = [
    (0x01, "v4rr"),
    (0x02, "spoof"),
    (0x04, "payload"),
    (0x08, "tsonly"),
    (0x10, "tsandaddr"),
    (0x20, "icmpsum"),
    (0x40, "dl"),
    (0x80, "tbt"),
    (0x100, "nosrc"),
];

/// Bit of [`Ping::flags`]: the ICMP checksum was asked for.
pub const ICMP_SUM: u32 = 0x20;
