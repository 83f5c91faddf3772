//! Records of traceroutes that enumerate load balancers (type 8).
//!
//! No specification is published; the layout is as dioptra-io/warts (MIT) describes it and as
//! observed in files of scamper 20211212.

use super::addr::{Addr, AddrTable};
use super::cursor::{Cursor, Decoded, Fault, Params, Timeval};
use super::tables::Tables;

/// A traceroute over all flows.
#[derive(Debug, Default, Clone)]
pub struct Tracelb<'a> {
    /// The list's number in the file; 0 is none.
    pub list_id: u32,
    /// The cycle's number in the file; 0 is none.
    pub cycle_id: u32,
    /// Source address.
    pub src: Option<Addr>,
    /// Destination address.
    pub dst: Option<Addr>,
    /// Router that the probes were sent through.
    pub rtr: Option<Addr>,
    /// When tracing began.
    pub start: Option<Timeval>,
    /// Source port.
    pub sport: u16,
    /// Destination port.
    pub dport: u16,
    /// Size of probes, bytes.
    pub probe_size: u16,
    /// Kind of probe: see [`method_name`].
    pub method: u8,
    /// TTL of the first probe.
    pub firsthop: u8,
    /// Wait for an answer, seconds.
    pub wait_timeout_s: u8,
    /// Wait between probes, 1/100 s.
    pub wait_probe_cs: u8,
    /// Probes before giving up.
    pub attempts: u8,
    /// Confidence that all links were seen, per cent.
    pub confidence: u8,
    /// Type of service.
    pub tos: u8,
    /// Probes sent.
    pub probe_count: u32,
    /// Most probes allowed.
    pub probe_count_max: u32,
    /// Silent hops in a row before stopping.
    pub gap_limit: u8,
    /// Number that the user gave.
    pub user_id: u32,
    /// Flags.
    pub flags: u8,
    /// Nodes; one without address is a silent hop of its own.
    pub nodes: Vec<Node<'a>>,
    /// Links between nodes.
    pub links: Vec<Link<'a>>,
}

/// A place on the paths.
#[derive(Debug, Default, Clone, Copy)]
pub struct Node<'a> {
    /// Its address.
    pub addr: Option<Addr>,
    /// Flags; bit 0 says that the quoted TTL is known.
    pub flags: u8,
    /// Links that leave it.
    pub link_count: u16,
    /// Quoted TTL.
    pub quoted_ttl: u8,
    /// Name of the address.
    pub name: Option<&'a [u8]>,
}

impl Node<'_> {
    /// Quoted TTL, if it is known.
    pub fn quoted_ttl(&self) -> Option<u8> {
        (self.flags & 1 != 0).then_some(self.quoted_ttl)
    }
}

/// From a node to the next; silent hops may lie between.
#[derive(Debug, Default, Clone)]
pub struct Link<'a> {
    /// Index of the nearer node.
    pub from: u16,
    /// Index of the farther node; nothing if no answer came from there.
    pub to: Option<u16>,
    /// Probes, hop by hop; all but the last hop are silent.
    pub sets: Vec<Vec<Probe<'a>>>,
}

/// A probe.
#[derive(Debug, Default, Clone)]
pub struct Probe<'a> {
    /// When it was sent.
    pub tx: Timeval,
    /// Flow.
    pub flow_id: u16,
    /// TTL.
    pub ttl: u8,
    /// Attempt, from 0.
    pub attempt: u8,
    /// Answers.
    pub replies: Vec<Reply<'a>>,
}

/// An answer.
#[derive(Debug, Default, Clone, Copy)]
pub struct Reply<'a> {
    /// When it came.
    pub rx: Timeval,
    /// IP identifier.
    pub ipid: u16,
    /// TTL.
    pub ttl: u8,
    /// Flags; bit 1 says TCP.
    pub flags: u8,
    /// ICMP type and code.
    pub icmp: (u8, u8),
    /// TCP flags.
    pub tcp_flags: u8,
    /// Raw objects of the ICMP extension.
    pub extension: &'a [u8],
    /// Quoted TTL.
    pub quoted_ttl: u8,
    /// Quoted type of service.
    pub quoted_tos: u8,
    /// Who answered.
    pub from: Option<Addr>,
}

impl Reply<'_> {
    /// Did the answer come over TCP?
    pub fn is_tcp(&self) -> bool {
        self.flags & 2 != 0
    }

    /// Round-trip time, microseconds; nothing if a clock step makes it negative.
    pub fn rtt_us(&self, probe: &Probe<'_>) -> Option<u32> {
        u32::try_from(self.rx.micros() - probe.tx.micros()).ok()
    }
}

struct Decoder<'t> {
    table: AddrTable,
    tables: &'t Tables,
}

impl<'a> Tracelb<'a> {
    /// Decode the record with this body.
    ///
    /// # Errors
    /// A [`Fault`] if the record contradicts itself.
    pub fn decode(body: &'a [u8], tables: &Tables) -> Decoded<Self> {
        let mut from = Cursor::new(body);
        let mut decoder = Decoder { table: AddrTable::default(), tables };
        let mut p = from.params()?;
        let (nodes, links);
        let mut trace = Self {
            list_id: p.get(1, Cursor::u32)?.unwrap_or(0),
            cycle_id: p.get(2, Cursor::u32)?.unwrap_or(0),
            ..Self::default()
        };
        let src_id = p.get(3, Cursor::u32)?;
        let dst_id = p.get(4, Cursor::u32)?;
        trace.start = p.get(5, Cursor::timeval)?;
        trace.sport = p.get(6, Cursor::u16)?.unwrap_or(0);
        trace.dport = p.get(7, Cursor::u16)?.unwrap_or(0);
        trace.probe_size = p.get(8, Cursor::u16)?.unwrap_or(0);
        trace.method = p.get(9, Cursor::u8)?.unwrap_or(0);
        trace.firsthop = p.get(10, Cursor::u8)?.unwrap_or(0);
        trace.wait_timeout_s = p.get(11, Cursor::u8)?.unwrap_or(0);
        trace.wait_probe_cs = p.get(12, Cursor::u8)?.unwrap_or(0);
        trace.attempts = p.get(13, Cursor::u8)?.unwrap_or(0);
        trace.confidence = p.get(14, Cursor::u8)?.unwrap_or(0);
        trace.tos = p.get(15, Cursor::u8)?.unwrap_or(0);
        nodes = p.get(16, Cursor::u16)?.unwrap_or(0);
        links = p.get(17, Cursor::u16)?.unwrap_or(0);
        trace.probe_count = p.get(18, Cursor::u32)?.unwrap_or(0);
        trace.probe_count_max = p.get(19, Cursor::u32)?.unwrap_or(0);
        trace.gap_limit = p.get(20, Cursor::u8)?.unwrap_or(0);
        let src = p.get(21, |c| c.addr(&mut decoder.table))?;
        let dst = p.get(22, |c| c.addr(&mut decoder.table))?;
        trace.user_id = p.get(23, Cursor::u32)?.unwrap_or(0);
        trace.flags = p.get(24, Cursor::u8)?.unwrap_or(0);
        trace.rtr = p.get(25, |c| c.addr(&mut AddrTable::default()))?;
        trace.src = decoder.address(src_id, src)?;
        trace.dst = decoder.address(dst_id, dst)?;
        if usize::from(nodes) + usize::from(links) > from.remaining() {
            return Err(Fault::Short);
        }
        for _ in 0..nodes {
            trace.nodes.push(decoder.node(from.params()?)?);
        }
        for _ in 0..links {
            trace.links.push(decoder.link(&mut from)?);
        }
        let known = |index: u16| usize::from(index) < trace.nodes.len();
        let is_sound = |link: &Link<'_>| known(link.from) && link.to.is_none_or(known);
        if trace.links.iter().all(is_sound) { Ok(trace) } else { Err(Fault::AddressId) }
    }
}

impl Decoder<'_> {
    fn address(&self, old: Option<u32>, new: Option<Addr>) -> Decoded<Option<Addr>> {
        match (new, old) {
            (Some(addr), _) => Ok(Some(addr)),
            (None, Some(id)) => self.tables.address(id),
            (None, None) => Ok(None),
        }
    }

    fn node<'a>(&mut self, mut p: Params<'a>) -> Decoded<Node<'a>> {
        let id = p.get(1, Cursor::u32)?;
        let flags = p.get(2, Cursor::u8)?.unwrap_or(0);
        let link_count = p.get(3, Cursor::u16)?.unwrap_or(0);
        let quoted_ttl = p.get(4, Cursor::u8)?.unwrap_or(0);
        let addr = p.get(5, |c| c.addr(&mut self.table))?;
        let name = p.get(6, Cursor::string)?;
        Ok(Node { addr: self.address(id, addr)?, flags, link_count, quoted_ttl, name })
    }

    fn link<'a>(&mut self, from: &mut Cursor<'a>) -> Decoded<Link<'a>> {
        let mut p = from.params()?;
        let mut link = Link {
            from: p.get(1, Cursor::u16)?.unwrap_or(0),
            to: p.get(2, Cursor::u16)?,
            sets: Vec::new(),
        };
        let sets = p.get(3, Cursor::u8)?.unwrap_or(0);
        for _ in 0..sets {
            let count = from.params()?.get(1, Cursor::u16)?.unwrap_or(0);
            let probes = (0..count).map(|_| self.probe(from));
            link.sets.push(probes.collect::<Decoded<_>>()?);
        }
        Ok(link)
    }

    fn probe<'a>(&mut self, from: &mut Cursor<'a>) -> Decoded<Probe<'a>> {
        let mut p = from.params()?;
        let mut probe = Probe {
            tx: p.get(1, Cursor::timeval)?.unwrap_or_default(),
            flow_id: p.get(2, Cursor::u16)?.unwrap_or(0),
            ttl: p.get(3, Cursor::u8)?.unwrap_or(0),
            attempt: p.get(4, Cursor::u8)?.unwrap_or(0),
            replies: Vec::new(),
        };
        let count = p.get(5, Cursor::u16)?.unwrap_or(0);
        for _ in 0..count {
            probe.replies.push(self.reply(from.params()?)?);
        }
        Ok(probe)
    }

    fn reply<'a>(&mut self, mut p: Params<'a>) -> Decoded<Reply<'a>> {
        let mut reply = Reply {
            rx: p.get(1, Cursor::timeval)?.unwrap_or_default(),
            ipid: p.get(2, Cursor::u16)?.unwrap_or(0),
            ttl: p.get(3, Cursor::u8)?.unwrap_or(0),
            flags: p.get(4, Cursor::u8)?.unwrap_or(0),
            icmp: p.get(5, Cursor::u16)?.map_or((0, 0), |tc| ((tc >> 8) as u8, tc as u8)),
            tcp_flags: p.get(6, Cursor::u8)?.unwrap_or(0),
            extension: p.get(7, Cursor::extension)?.unwrap_or_default(),
            quoted_ttl: p.get(8, Cursor::u8)?.unwrap_or(0),
            quoted_tos: p.get(9, Cursor::u8)?.unwrap_or(0),
            from: None,
        };
        let id = p.get(10, Cursor::u32)?;
        let addr = p.get(11, |c| c.addr(&mut self.table))?;
        reply.from = self.address(id, addr)?;
        Ok(reply)
    }
}

/// Name of a method number, as scamper's tools print it.
pub fn method_name(method: u8) -> Option<&'static str> {
    let names = ["udp-dport", "icmp-echo", "udp-sport", "tcp-sport", "tcp-ack-sport"];
    names.get(usize::from(method).checked_sub(1)?).copied()
}
