//! Alias resolution records (type 9).
//!
//! No specification is published; the layout is as observed in files of scamper 20211212 and
//! 20260420. The MIDAR methods' own parts are not known: their records give method, result and
//! counts, no probes.

use super::addr::{Addr, AddrTable};
use super::cursor::{Cursor, Decoded, Fault, Params, Timeval};
use super::tables::Tables;

/// An attempt to tell whether addresses belong to one router.
#[derive(Debug, Default, Clone)]
pub struct Dealias<'a> {
    /// The list's number in the file; 0 is none.
    pub list_id: u32,
    /// The cycle's number in the file; 0 is none.
    pub cycle_id: u32,
    /// When probing began.
    pub start: Option<Timeval>,
    /// Method: see [`method_name`].
    pub method: u8,
    /// Outcome: see [`result_name`].
    pub result: u8,
    /// Probes in the record.
    pub probe_count: u32,
    /// Number that the user gave to the attempt.
    pub user_id: u32,
    /// The message of a failed attempt.
    pub errmsg: Option<&'a [u8]>,
    /// What the method was told.
    pub options: Options,
    /// What the probes look like.
    pub probedefs: Vec<Probedef>,
    /// Probes, in order of sending.
    pub probes: Vec<Probe<'a>>,
}

/// What a method was told; each uses some of these.
#[derive(Debug, Default, Clone)]
pub struct Options {
    /// Attempts.
    pub attempts: u16,
    /// Wait for an answer, seconds.
    pub wait_timeout_s: u8,
    /// Wait between probes, milliseconds.
    pub wait_probe_ms: u16,
    /// Wait between rounds, milliseconds.
    pub wait_round_ms: u32,
    /// How far apart IP identifiers may be.
    pub fudge: u16,
    /// How far an identifier may be bumped.
    pub bump_limit: u16,
    /// Flags of the method; bit 0 is "nobs" for ally and prefixscan, "shuffle" for radargun.
    pub flags: u8,
    /// Prefixscan: the address whose alias is looked for.
    pub a: Option<Addr>,
    /// Prefixscan: an address in the scanned prefix.
    pub b: Option<Addr>,
    /// Prefixscan: the alias found.
    pub ab: Option<Addr>,
    /// Prefixscan: addresses left out.
    pub excluded: Vec<Addr>,
    /// Prefixscan: length of the scanned prefix.
    pub prefix: u8,
    /// Prefixscan: replies asked for.
    pub reply_count: u8,
}

/// What a probe looks like.
#[derive(Debug, Default, Clone, Copy)]
pub struct Probedef {
    /// Number.
    pub id: u32,
    /// Kind: see [`probe_method_name`].
    pub method: u8,
    /// TTL.
    pub ttl: u8,
    /// Type of service.
    pub tos: u8,
    /// Source port; for ICMP unused.
    pub sport: u16,
    /// Destination port; for ICMP the checksum.
    pub dport: u16,
    /// TCP flags.
    pub tcp_flags: u8,
    /// ICMP id.
    pub icmp_id: u16,
    /// Destination address.
    pub dst: Option<Addr>,
    /// Source address.
    pub src: Option<Addr>,
    /// Size, bytes.
    pub size: u16,
    /// MTU pretended.
    pub mtu: u16,
}

/// A probe that was sent.
#[derive(Debug, Default, Clone)]
pub struct Probe<'a> {
    /// Number of its definition.
    pub def: u32,
    /// When it was sent.
    pub tx: Timeval,
    /// Its IP identifier.
    pub ipid: u16,
    /// Its number among the probes of its definition.
    pub seq: u32,
    /// Answers.
    pub replies: Vec<Reply<'a>>,
}

/// An answer.
#[derive(Debug, Default, Clone, Copy)]
pub struct Reply<'a> {
    /// Who answered.
    pub src: Option<Addr>,
    /// When it came.
    pub rx: Timeval,
    /// IP identifier.
    pub ipid: u16,
    /// IPv6 fragment identifier.
    pub ipid32: Option<u32>,
    /// TTL.
    pub ttl: u8,
    /// ICMP type and code.
    pub icmp: (u8, u8),
    /// Quoted TTL.
    pub quoted_ttl: u8,
    /// Raw objects of the ICMP extension.
    pub extension: &'a [u8],
    /// IP protocol; nothing is ICMP.
    pub protocol: Option<u8>,
    /// TCP flags.
    pub tcp_flags: u8,
    /// Size, bytes.
    pub size: Option<u16>,
}

/// Replies that prefixscan asks for when the record does not say.
const PREFIXSCAN_REPLIES: u8 = 5;

struct Decoder<'t> {
    table: AddrTable,
    tables: &'t Tables,
}

impl<'a> Dealias<'a> {
    /// Decode the record with this body.
    ///
    /// # Errors
    /// A [`Fault`] if the record contradicts itself.
    pub fn decode(body: &'a [u8], tables: &Tables) -> Decoded<Self> {
        let mut from = Cursor::new(body);
        let mut decoder = Decoder { table: AddrTable::default(), tables };
        let mut p = from.params()?;
        let mut dealias = Self {
            list_id: p.get(1, Cursor::u32)?.unwrap_or(0),
            cycle_id: p.get(2, Cursor::u32)?.unwrap_or(0),
            start: p.get(3, Cursor::timeval)?,
            method: p.get(4, Cursor::u8)?.unwrap_or(0),
            result: p.get(5, Cursor::u8)?.unwrap_or(0),
            probe_count: p.get(6, Cursor::u32)?.unwrap_or(0),
            user_id: p.get(7, Cursor::u32)?.unwrap_or(0),
            errmsg: p.get(8, Cursor::string)?,
            ..Self::default()
        };
        if !(1..=5).contains(&dealias.method) {
            return Ok(dealias);
        }
        let count = decoder.options(dealias.method, from.params()?, &mut dealias.options)?;
        if count as usize > from.remaining() || dealias.probe_count as usize > from.remaining() {
            return Err(Fault::Short);
        }
        for _ in 0..count {
            dealias.probedefs.push(decoder.probedef(from.params()?)?);
        }
        for _ in 0..dealias.probe_count {
            dealias.probes.push(decoder.probe(&mut from)?);
        }
        Ok(dealias)
    }

    /// The address pairs that this record was about: tested, or found.
    pub fn pairs(&self) -> Vec<(Addr, Addr)> {
        let target = |i: usize| self.probedefs.get(i).and_then(|def| def.dst);
        match self.method {
            // Mercator: whoever answers for the probed address.
            1 => {
                let replies = self.probes.iter().flat_map(|probe| &probe.replies);
                let answers =
                    replies.filter(|r| matches!(r.icmp, (3, 3) | (1, 4))).filter_map(|r| r.src);
                let mut pairs: Vec<_> = target(0)
                    .into_iter()
                    .flat_map(|dst| {
                        answers.clone().filter(move |src| *src != dst).map(move |src| (dst, src))
                    })
                    .collect();
                pairs.sort_unstable();
                pairs.dedup();
                pairs
            }
            2 | 5 => target(0).zip(target(1)).into_iter().collect(),
            4 => self.options.a.zip(self.options.ab).into_iter().collect(),
            _ => Vec::new(),
        }
    }
}

impl Decoder<'_> {
    /// Returns the number of probe definitions that follow.
    fn options<'a>(&mut self, method: u8, mut p: Params<'a>, o: &mut Options) -> Decoded<u32> {
        let table = &mut self.table;
        match method {
            1 => {
                o.attempts = u16::from(p.get(1, Cursor::u8)?.unwrap_or(0));
                o.wait_timeout_s = p.get(2, Cursor::u8)?.unwrap_or(0);
                Ok(1)
            }
            2 => {
                o.wait_probe_ms = p.get(1, Cursor::u16)?.unwrap_or(0);
                o.wait_timeout_s = p.get(2, Cursor::u8)?.unwrap_or(0);
                o.attempts = u16::from(p.get(3, Cursor::u8)?.unwrap_or(0));
                o.fudge = p.get(4, Cursor::u16)?.unwrap_or(0);
                o.flags = p.get(5, Cursor::u8)?.unwrap_or(0);
                Ok(2)
            }
            3 => {
                let count = p.get(1, Cursor::u32)?.unwrap_or(0);
                o.attempts = p.get(2, Cursor::u16)?.unwrap_or(0);
                o.wait_probe_ms = p.get(3, Cursor::u16)?.unwrap_or(0);
                o.wait_round_ms = p.get(4, Cursor::u32)?.unwrap_or(0);
                o.wait_timeout_s = p.get(5, Cursor::u8)?.unwrap_or(0);
                o.flags = p.get(6, Cursor::u8)?.unwrap_or(0);
                Ok(count)
            }
            4 => {
                o.a = p.get(1, |c| c.addr(table))?;
                o.b = p.get(2, |c| c.addr(table))?;
                o.ab = p.get(3, |c| c.addr(table))?;
                o.excluded = p.get(4, |c| excluded(c, table))?.unwrap_or_default();
                o.prefix = p.get(5, Cursor::u8)?.unwrap_or(0);
                o.attempts = u16::from(p.get(6, Cursor::u8)?.unwrap_or(0));
                o.fudge = p.get(7, Cursor::u16)?.unwrap_or(0);
                o.wait_probe_ms = p.get(8, Cursor::u16)?.unwrap_or(0);
                o.wait_timeout_s = p.get(9, Cursor::u8)?.unwrap_or(0);
                let count = p.get(10, Cursor::u16)?.unwrap_or(0);
                o.flags = p.get(11, Cursor::u8)?.unwrap_or(0);
                o.reply_count = p.get(12, Cursor::u8)?.unwrap_or(PREFIXSCAN_REPLIES);
                Ok(u32::from(count))
            }
            _ => {
                o.wait_probe_ms = p.get(1, Cursor::u16)?.unwrap_or(0);
                o.bump_limit = p.get(2, Cursor::u16)?.unwrap_or(0);
                o.attempts = u16::from(p.get(3, Cursor::u8)?.unwrap_or(0));
                Ok(2)
            }
        }
    }

    fn address(&mut self, old: Option<u32>, new: Option<Addr>) -> Decoded<Option<Addr>> {
        match (new, old) {
            (Some(addr), _) => Ok(Some(addr)),
            (None, Some(id)) => self.tables.address(id),
            (None, None) => Ok(None),
        }
    }

    fn probedef(&mut self, mut p: Params<'_>) -> Decoded<Probedef> {
        let dst_id = p.get(1, Cursor::u32)?;
        let src_id = p.get(2, Cursor::u32)?;
        let mut def = Probedef {
            id: p.get(3, Cursor::u32)?.unwrap_or(0),
            method: p.get(4, Cursor::u8)?.unwrap_or(0),
            ttl: p.get(5, Cursor::u8)?.unwrap_or(0),
            tos: p.get(6, Cursor::u8)?.unwrap_or(0),
            ..Probedef::default()
        };
        let words = p.get(7, |c| Ok((c.u16()?, c.u16()?)))?.unwrap_or_default();
        (def.sport, def.dport) = words;
        def.tcp_flags = p.get(8, Cursor::u8)?.unwrap_or(0);
        def.icmp_id = p.get(9, Cursor::u16)?.unwrap_or(0);
        let dst = p.get(10, |c| c.addr(&mut self.table))?;
        let src = p.get(11, |c| c.addr(&mut self.table))?;
        def.size = p.get(12, Cursor::u16)?.unwrap_or(0);
        def.mtu = p.get(13, Cursor::u16)?.unwrap_or(0);
        if let Some(csum) = p.get(14, Cursor::u16)?
            && def.method == 1
            && !p.has(7)
        {
            def.dport = csum;
        }
        def.dst = self.address(dst_id, dst)?;
        def.src = self.address(src_id, src)?;
        Ok(def)
    }

    fn probe<'a>(&mut self, from: &mut Cursor<'a>) -> Decoded<Probe<'a>> {
        let mut p = from.params()?;
        let def = p.get(1, Cursor::u32)?.unwrap_or(0);
        let tx = p.get(2, Cursor::timeval)?.unwrap_or_default();
        let count = p.get(3, Cursor::u16)?.unwrap_or(0);
        let ipid = p.get(4, Cursor::u16)?.unwrap_or(0);
        let seq = p.get(5, Cursor::u32)?.unwrap_or(0);
        let replies = (0..count).map(|_| self.reply(from.params()?));
        Ok(Probe { def, tx, ipid, seq, replies: replies.collect::<Decoded<_>>()? })
    }

    fn reply<'a>(&mut self, mut p: Params<'a>) -> Decoded<Reply<'a>> {
        let src_id = p.get(1, Cursor::u32)?;
        let mut reply = Reply {
            rx: p.get(2, Cursor::timeval)?.unwrap_or_default(),
            ipid: p.get(3, Cursor::u16)?.unwrap_or(0),
            ttl: p.get(4, Cursor::u8)?.unwrap_or(0),
            icmp: p.get(5, Cursor::u16)?.map_or((0, 0), |tc| ((tc >> 8) as u8, tc as u8)),
            quoted_ttl: p.get(6, Cursor::u8)?.unwrap_or(0),
            extension: p.get(7, Cursor::extension)?.unwrap_or_default(),
            protocol: p.get(8, Cursor::u8)?,
            tcp_flags: p.get(9, Cursor::u8)?.unwrap_or(0),
            ..Reply::default()
        };
        let src = p.get(10, |c| c.addr(&mut self.table))?;
        reply.ipid32 = p.get(11, Cursor::u32)?;
        // What flag 12 holds is not published: what follows it cannot be found.
        if !p.has(12) {
            reply.size = p.get(13, Cursor::u16)?;
        }
        reply.src = self.address(src_id, src)?;
        Ok(reply)
    }
}

/// Left-out addresses of prefixscan; scamper writes their number in its own byte order.
fn excluded(c: &mut Cursor<'_>, table: &mut AddrTable) -> Decoded<Vec<Addr>> {
    let raw = c.u16()?;
    let count = if raw > 255 { raw.swap_bytes() } else { raw };
    (0..count).map(|_| c.addr(table)).collect()
}

/// Name of a method number, as scamper's tools print it.
pub fn method_name(method: u8) -> Option<&'static str> {
    let names = ["mercator", "ally", "radargun", "prefixscan", "bump", "midarest", "midardisc"];
    names.get(usize::from(method).checked_sub(1)?).copied()
}

/// Name of an outcome, as scamper's tools print it.
pub fn result_name(result: u8) -> Option<&'static str> {
    let names = ["none", "aliases", "not-aliases", "halted", "ipid-echo"];
    names.get(usize::from(result)).copied()
}

/// Name of a kind of probe, as scamper's tools print it.
pub fn probe_method_name(method: u8) -> Option<&'static str> {
    let names = ["icmp-echo", "tcp-ack", "udp", "tcp-ack-sport", "udp-dport", "tcp-syn-sport"];
    names.get(usize::from(method).checked_sub(1)?).copied()
}
