//! Traceroute records (type 6) with their hops, path-MTU, last-ditch and doubletree parts.
//!
//! Source: warts(5) "Traceroute structure"; attribute numbers as observed in files, where the
//! manual page has path MTU and last ditch swapped.

use std::ops::Range;

use super::addr::{Addr, AddrTable};
use super::cursor::{Cursor, Decoded, Params, Timeval};
use super::hop::decode_hops;
pub use super::hop::{HOP_FLAGS, Hop};
use super::tables::Tables;

/// The flags of nearly all traces that scamper writes: 1, 2, 5 to 7 and 9 to 27.
const USUAL: u64 = 0x7ff_ff73;

/// A traceroute. Reuse one value for many records: [`Trace::decode`] keeps the allocations.
#[derive(Debug, Default)]
pub struct Trace<'a> {
    /// The list's number in the file; 0 is none.
    pub list_id: u32,
    /// The cycle's number in the file; 0 is none.
    pub cycle_id: u32,
    /// Source address.
    pub src: Option<Addr>,
    /// Destination address.
    pub dst: Option<Addr>,
    /// Router that the probes were sent through, if one was asked for.
    pub rtr: Option<Addr>,
    /// When tracing began.
    pub start: Option<Timeval>,
    /// Why tracing ended: see [`stop_reason_name`].
    pub stop_reason: Option<u8>,
    /// Detail of the reason, e.g. the ICMP code.
    pub stop_data: Option<u8>,
    /// Flags of the trace: see [`TRACE_FLAGS`].
    pub flags: u32,
    /// Probes per hop before giving up.
    pub attempts: Option<u8>,
    /// Highest TTL probed; 0 is the default limit.
    pub hoplimit: Option<u8>,
    /// Kind of probe: see [`method_name`].
    pub method: Option<u8>,
    /// Size of probes, bytes.
    pub probe_size: Option<u16>,
    /// Source port, or ICMP id.
    pub sport: Option<u16>,
    /// Destination port, or ICMP checksum when the flag says so.
    pub dport: Option<u16>,
    /// TTL of the first probe.
    pub firsthop: Option<u8>,
    /// Type of service of probes.
    pub tos: Option<u8>,
    /// Wait for an answer, seconds.
    pub wait_s: Option<u8>,
    /// Loops allowed before probing stops.
    pub loops: Option<u8>,
    /// Highest TTL probed in fact.
    pub hop_count: Option<u16>,
    /// Silent hops in a row before probing stops.
    pub gap_limit: Option<u8>,
    /// What happens at the gap limit: 1 stop, 2 last-ditch probes.
    pub gap_action: Option<u8>,
    /// What happens at a loop.
    pub loop_action: Option<u8>,
    /// Probes sent.
    pub probe_count: Option<u16>,
    /// Least wait between probes, 1/100 s.
    pub wait_probe_cs: Option<u8>,
    /// Confidence that all addresses of a hop were seen, per cent.
    pub confidence: Option<u8>,
    /// Number that the user gave to the trace.
    pub user_id: Option<u32>,
    /// IP offset of probes.
    pub offset: Option<u16>,
    /// Consecutive hops probed at once.
    pub squeries: Option<u8>,
    /// TTL where the trace logically ended, when later hops were probed ahead.
    pub stop_hop: Option<u8>,
    /// The message of a failed trace.
    pub errmsg: Option<&'a [u8]>,
    /// Replies, by ascending probe TTL; at one TTL as in the record.
    pub hops: Vec<Hop<'a>>,
    /// Path MTU discovery.
    pub pmtud: Option<Pmtud>,
    /// Replies of path MTU discovery.
    pub pmtud_hops: Vec<Hop<'a>>,
    /// Did the record hold a last-ditch part?
    pub has_last_ditch: bool,
    /// Replies to last-ditch probes (TTL 255).
    pub last_ditch_hops: Vec<Hop<'a>>,
    /// Doubletree.
    pub doubletree: Option<Doubletree<'a>>,
    addresses: AddrTable,
}

/// Path MTU discovery of a trace.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Pmtud {
    /// MTU of the interface, bytes.
    pub if_mtu: Option<u16>,
    /// MTU of the path, bytes.
    pub path_mtu: Option<u16>,
    /// MTU of the outgoing interface where it differs, bytes.
    pub out_mtu: Option<u16>,
    /// Version of the method.
    pub version: Option<u8>,
    /// Notes in the record (skipped).
    pub notes: Option<u8>,
}

/// Doubletree data of a trace.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Doubletree<'a> {
    /// TTL where forward and backward probing met.
    pub first_hop: Option<u8>,
    /// Address in the local stop set that ended backward probing.
    pub lss_stop: Option<Addr>,
    /// Address in the global stop set that ended forward probing.
    pub gss_stop: Option<Addr>,
    /// Name of the local stop set.
    pub lss_name: Option<&'a [u8]>,
    /// Flags.
    pub flags: Option<u8>,
}

impl<'a> Trace<'a> {
    /// Decode the record with this body into `self`, replacing what was there.
    ///
    /// # Errors
    /// A [`super::cursor::Fault`] if the record contradicts itself; `self` is then half filled.
    pub fn decode(&mut self, body: &'a [u8], tables: &Tables) -> Decoded<()> {
        self.reset();
        let mut from = Cursor::new(body);
        let params = from.params()?;
        // The same code, in which the compiler knows what is there.
        match params.bits {
            USUAL => self.decode_params(Params { bits: USUAL, ..params }, tables)?,
            _ => self.decode_params(params, tables)?,
        }
        let count = from.u16()?;
        decode_hops(&mut from, count, &mut self.addresses, tables, &mut self.hops)?;
        if !self.hops.is_sorted_by_key(|hop| hop.probe_ttl) {
            self.hops.sort_by_key(|hop| hop.probe_ttl);
        }
        self.decode_attributes(&mut from, tables)
    }

    /// Forget what [`Trace::decode_params`] does not set anew.
    fn reset(&mut self) {
        self.hops.clear();
        self.pmtud_hops.clear();
        self.last_ditch_hops.clear();
        self.addresses.clear();
        self.has_last_ditch = false;
        (self.pmtud, self.doubletree) = (None, None);
    }

    #[inline(always)]
    fn decode_params(&mut self, mut p: Params<'a>, tables: &Tables) -> Decoded<()> {
        let table = &mut self.addresses;
        self.list_id = p.get(1, Cursor::u32)?.unwrap_or(0);
        self.cycle_id = p.get(2, Cursor::u32)?.unwrap_or(0);
        let src_id = p.get(3, Cursor::u32)?;
        let dst_id = p.get(4, Cursor::u32)?;
        self.start = p.get(5, Cursor::timeval)?;
        self.stop_reason = p.get(6, Cursor::u8)?;
        self.stop_data = p.get(7, Cursor::u8)?;
        let short_flags = p.get(8, Cursor::u8)?;
        self.attempts = p.get(9, Cursor::u8)?;
        self.hoplimit = p.get(10, Cursor::u8)?;
        self.method = p.get(11, Cursor::u8)?;
        self.probe_size = p.get(12, Cursor::u16)?;
        self.sport = p.get(13, Cursor::u16)?;
        self.dport = p.get(14, Cursor::u16)?;
        self.firsthop = p.get(15, Cursor::u8)?;
        self.tos = p.get(16, Cursor::u8)?;
        self.wait_s = p.get(17, Cursor::u8)?;
        self.loops = p.get(18, Cursor::u8)?;
        self.hop_count = p.get(19, Cursor::u16)?;
        self.gap_limit = p.get(20, Cursor::u8)?;
        self.gap_action = p.get(21, Cursor::u8)?;
        self.loop_action = p.get(22, Cursor::u8)?;
        self.probe_count = p.get(23, Cursor::u16)?;
        self.wait_probe_cs = p.get(24, Cursor::u8)?;
        self.confidence = p.get(25, Cursor::u8)?;
        self.src = p.get(26, |c| c.addr(table))?;
        self.dst = p.get(27, |c| c.addr(table))?;
        self.user_id = p.get(28, Cursor::u32)?;
        self.offset = p.get(29, Cursor::u16)?;
        // The router's address stands alone: it takes no number in the record's table.
        self.rtr = p.get(30, |c| c.addr(&mut AddrTable::default()))?;
        self.squeries = p.get(31, Cursor::u8)?;
        let long_flags = p.get(32, Cursor::u32)?;
        self.stop_hop = p.get(33, Cursor::u8)?;
        self.errmsg = p.get(34, Cursor::string)?;
        self.flags = long_flags.unwrap_or(u32::from(short_flags.unwrap_or(0)));
        if let Some(id) = src_id {
            self.src = tables.address(id)?;
        }
        if let Some(id) = dst_id {
            self.dst = tables.address(id)?;
        }
        Ok(())
    }

    fn decode_attributes(&mut self, from: &mut Cursor<'a>, tables: &Tables) -> Decoded<()> {
        // Records of old versions may end without the closing zero.
        while from.remaining() >= 2 {
            let header = from.u16()?;
            let mut part = Cursor::new(from.take(usize::from(header & 0x0fff))?);
            match header >> 12 {
                0 => break,
                1 => self.decode_pmtud(&mut part, tables)?,
                2 => self.decode_last_ditch(&mut part, tables)?,
                3 => self.decode_doubletree(&mut part, tables)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn decode_pmtud(&mut self, from: &mut Cursor<'a>, tables: &Tables) -> Decoded<()> {
        let mut p = from.params()?;
        self.pmtud = Some(Pmtud {
            if_mtu: p.get(1, Cursor::u16)?,
            path_mtu: p.get(2, Cursor::u16)?,
            out_mtu: p.get(3, Cursor::u16)?,
            version: p.get(4, Cursor::u8)?,
            notes: p.get(5, Cursor::u8)?,
        });
        let count = from.u16()?;
        decode_hops(from, count, &mut self.addresses, tables, &mut self.pmtud_hops)
    }

    fn decode_last_ditch(&mut self, from: &mut Cursor<'a>, tables: &Tables) -> Decoded<()> {
        from.params()?;
        self.has_last_ditch = true;
        let count = from.u16()?;
        decode_hops(from, count, &mut self.addresses, tables, &mut self.last_ditch_hops)
    }

    fn decode_doubletree(&mut self, from: &mut Cursor<'a>, tables: &Tables) -> Decoded<()> {
        let table = &mut self.addresses;
        let mut p = from.params()?;
        let lss_id = p.get(1, Cursor::u32)?;
        let gss_id = p.get(2, Cursor::u32)?;
        let mut found = Doubletree {
            first_hop: p.get(3, Cursor::u8)?,
            lss_stop: p.get(4, |c| c.addr(table))?,
            gss_stop: p.get(5, |c| c.addr(table))?,
            lss_name: p.get(6, Cursor::string)?,
            flags: p.get(7, Cursor::u8)?,
        };
        if let Some(id) = lss_id {
            found.lss_stop = tables.address(id)?;
        }
        if let Some(id) = gss_id {
            found.gss_stop = tables.address(id)?;
        }
        self.doubletree = Some(found);
        Ok(())
    }

    /// Does each probe of the trace keep to one flow (Paris traceroute)?
    pub fn is_paris(&self) -> bool {
        matches!(self.method, Some(3..=6))
    }

    /// Where in [`Trace::hops`] the trace's logical path lies: from its first hop to its stop hop.
    ///
    /// Hops behind the stop hop were probed ahead, hops before the first were answers to probes
    /// that doubletree gave up: neither proves a link.
    pub fn path_range(&self) -> Range<usize> {
        let first = self.firsthop.unwrap_or(0);
        let from = self.hops.partition_point(|hop| hop.probe_ttl < first);
        let to = match self.stop_hop {
            Some(stop) if stop > 0 => self.hops.partition_point(|hop| hop.probe_ttl <= stop),
            _ => self.hops.len(),
        };
        from..to.max(from)
    }

    /// Hops of the logical path: see [`Trace::path_range`].
    pub fn path_hops(&self) -> &[Hop<'a>] {
        &self.hops[self.path_range()]
    }
}

/// Name of a method number, as scamper's tools print it.
pub fn method_name(method: u8) -> Option<&'static str> {
    let names = ["icmp-echo", "udp", "tcp", "icmp-echo-paris", "udp-paris", "tcp-ack"];
    names.get(usize::from(method).checked_sub(1)?).copied()
}

/// Name of a stop reason, as scamper's tools print it.
pub fn stop_reason_name(reason: u8) -> Option<&'static str> {
    let names = [
        "NONE",
        "COMPLETED",
        "UNREACH",
        "ICMP",
        "LOOP",
        "GAPLIMIT",
        "ERROR",
        "HOPLIMIT",
        "GSS",
        "HALTED",
        "INPROGRESS",
    ];
    names.get(usize::from(reason)).copied()
}

/// Bits of [`Trace::flags`] with their names.
pub const TRACE_FLAGS: [(u32, &str); 9] = [
    (0x01, "all-attempts"),
    (0x02, "pmtud"),
    (0x04, "dl"),
    (0x08, "ignoretpdst"),
    (0x10, "doubletree"),
    (0x20, "icmp-csum-dport"),
    (0x40, "const-payload"),
    (0x80, "rxerr"),
    (0x100, "ptr"),
];

/// Bit of [`Trace::flags`]: the checksum of ICMP probes is in [`Trace::dport`].
pub const ICMP_CSUM_DPORT: u32 = 0x20;
