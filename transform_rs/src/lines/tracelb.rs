//! Lines of traceroutes over all flows, as scamper's tool prints them and as M-Lab publishes them.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::error::Fault;
use super::source::Ids;
use super::value::{Ip, Named, Text, Time};
use crate::warts::addr::Addr;
use crate::warts::encode::{Block, TooLong};
use crate::warts::tracelb::method_name;

/// A traceroute over all flows.
#[derive(Debug, Deserialize)]
pub struct Tracelb<'l> {
    userid: Option<u32>,
    #[serde(borrow)]
    method: Option<Named<'l>>,
    #[serde(default)]
    src: Ip,
    #[serde(default)]
    dst: Ip,
    #[serde(default)]
    rtr: Ip,
    sport: Option<u16>,
    dport: Option<u16>,
    start: Option<Time>,
    probe_size: Option<u16>,
    firsthop: Option<u8>,
    attempts: Option<u8>,
    confidence: Option<u8>,
    tos: Option<u8>,
    gaplimit: Option<u8>,
    wait_timeout: Option<u8>,
    /// Milliseconds; hundredths of seconds in the record.
    wait_probe: Option<u16>,
    probec: Option<u32>,
    probec_max: Option<u32>,
    #[serde(borrow, default)]
    nodes: Vec<Node<'l>>,
}

#[derive(Debug, Deserialize)]
struct Node<'l> {
    #[serde(default)]
    addr: Ip,
    #[serde(borrow)]
    name: Option<Text<'l>>,
    q_ttl: Option<u8>,
    #[serde(default)]
    links: Vec<Hops>,
}

/// Links that leave a node: the hops of its only link, or one array with all links.
///
/// BigQuery has no arrays of arrays, so M-Lab's tables put an object between.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Hops {
    Plain(Vec<End>),
    Wrapped {
        #[serde(rename = "Links", alias = "links")]
        links: Vec<End>,
    },
}

/// Where a link leads, and the probes that showed it.
#[derive(Debug, Deserialize)]
struct End {
    #[serde(default)]
    addr: Ip,
    #[serde(default)]
    probes: Vec<Probe>,
}

#[derive(Debug, Deserialize)]
struct Probe {
    tx: Time,
    ttl: u8,
    attempt: u8,
    flowid: u16,
    #[serde(default)]
    replies: Vec<Reply>,
}

#[derive(Debug, Deserialize)]
struct Reply {
    rx: Time,
    ttl: Option<u8>,
    ipid: Option<u16>,
    tcp_flags: Option<u8>,
    icmp_type: Option<u8>,
    icmp_code: Option<u8>,
    icmp_q_tos: Option<u8>,
    icmp_q_ttl: Option<u8>,
}

/// A link as the record has it: the ends by number, probes hop by hop.
struct Link<'t> {
    from: usize,
    to: Option<usize>,
    /// Who answered at each hop, with the probes.
    sets: Vec<&'t [End]>,
    addr: Option<Addr>,
}

const TCP: u8 = 2;

impl Tracelb<'_> {
    /// Append the record's body.
    pub fn put(&self, ids: Ids, out: &mut Vec<u8>) -> Result<(), Fault> {
        let mut block = Block::default();
        let method = self.method.as_ref().map(|it| it.number("method", method_name)).transpose()?;
        let (ends, links) = self.links();
        let wait_probe_cs = self.wait_probe.map(|ms| u8::try_from(ms / 10)).transpose();
        let count = |n: usize| u16::try_from(n).map_err(|_| TooLong);
        block.u32(1, ids.list).u32(2, ids.cycle).time(5, self.start.map(Into::into));
        block.u16(6, self.sport).u16(7, self.dport).u16(8, self.probe_size).u8(9, method);
        block.u8(10, self.firsthop).u8(11, self.wait_timeout);
        block.u8(12, wait_probe_cs.map_err(|_| TooLong)?).u8(13, self.attempts);
        block.u8(14, self.confidence).u8(15, self.tos);
        block.u16(16, Some(count(self.nodes.len() + ends.len())?));
        block.u16(17, Some(count(links.len())?)).u32(18, self.probec).u32(19, self.probec_max);
        block.u8(20, self.gaplimit).addr(21, self.src.0).addr(22, self.dst.0);
        block.u32(23, self.userid).addr(25, self.rtr.0).end(out)?;
        for node in &self.nodes {
            block.u8(2, node.q_ttl.map(|_| 1)).u16(3, Some(count(node.links.len())?));
            block.u8(4, node.q_ttl).addr(5, node.addr.0);
            block.string(6, node.name.as_ref().map(Text::bytes)).end(out)?;
        }
        for end in ends {
            block.addr(5, Some(end)).end(out)?;
        }
        links.iter().try_for_each(|link| link.put(&mut block, out))
    }

    /// Addresses of nodes that no link leaves, which lines do not list, and all links.
    fn links(&self) -> (Vec<Addr>, Vec<Link<'_>>) {
        let mut links = Vec::new();
        for (from, node) in self.nodes.iter().enumerate() {
            match &node.links[..] {
                [only] if only.ends().len() != 1 => {
                    let ends = only.ends().chunks(1);
                    links.extend(ends.map(|end| Link::over(from, vec![end])));
                }
                hops => links.push(Link::over(from, hops.iter().map(Hops::ends).collect())),
            }
        }
        let known = self.nodes.iter().enumerate();
        let mut known: BTreeMap<Addr, usize> =
            known.filter_map(|(i, node)| Some((node.addr.0?, i))).collect();
        let mut ends = Vec::new();
        for link in &mut links {
            link.to = link.addr.map(|addr| {
                *known.entry(addr).or_insert_with(|| {
                    ends.push(addr);
                    self.nodes.len() + ends.len() - 1
                })
            });
        }
        (ends, links)
    }
}

impl Hops {
    fn ends(&self) -> &[End] {
        match self {
            Self::Plain(ends) | Self::Wrapped { links: ends } => ends,
        }
    }
}

impl<'t> Link<'t> {
    fn over(from: usize, sets: Vec<&'t [End]>) -> Self {
        let last = sets.last().and_then(|ends| ends.first());
        Self { from, to: None, addr: last.and_then(|end| end.addr.0), sets }
    }

    fn put(&self, block: &mut Block, out: &mut Vec<u8>) -> Result<(), Fault> {
        let number = |n: usize| u16::try_from(n).map_err(|_| TooLong);
        let sets = u8::try_from(self.sets.len()).map_err(|_| TooLong)?;
        block.u16(1, Some(number(self.from)?)).u16(2, self.to.map(number).transpose()?);
        block.u8(3, Some(sets)).end(out)?;
        for ends in &self.sets {
            let count = ends.iter().map(|end| end.probes.len()).sum();
            block.u16(1, Some(number(count)?)).end(out)?;
            for end in *ends {
                end.probes.iter().try_for_each(|probe| probe.put(block, out, end.addr.0))?;
            }
        }
        Ok(())
    }
}

impl Probe {
    fn put(&self, block: &mut Block, out: &mut Vec<u8>, from: Option<Addr>) -> Result<(), Fault> {
        let count = u16::try_from(self.replies.len()).map_err(|_| TooLong)?;
        block.time(1, Some(self.tx.into())).u16(2, Some(self.flowid)).u8(3, Some(self.ttl));
        block.u8(4, Some(self.attempt)).u16(5, Some(count)).end(out)?;
        for reply in &self.replies {
            let icmp = reply.icmp_type;
            let icmp = icmp.map(|kind| u16::from_be_bytes([kind, reply.icmp_code.unwrap_or(0)]));
            block.time(1, Some(reply.rx.into())).u16(2, reply.ipid).u8(3, reply.ttl);
            block.u8(4, reply.tcp_flags.map(|_| TCP)).u16(5, icmp).u8(6, reply.tcp_flags);
            block.u8(8, reply.icmp_q_ttl).u8(9, reply.icmp_q_tos).addr(11, from).end(out)?;
        }
        Ok(())
    }
}
