//! Lines of traceroutes.

use serde::Deserialize;

use super::error::Fault;
use super::hop::{Hop, put_all};
use super::source::Ids;
use super::value::{Ip, Named, Text, Time, flag_bits};
use crate::warts::encode::{Block, TooLong};
use crate::warts::trace::{ICMP_CSUM_DPORT, TRACE_FLAGS, method_name, stop_reason_name};

/// A traceroute.
#[derive(Debug, Deserialize)]
pub struct Trace<'l> {
    #[serde(borrow)]
    pub monitor: Option<Text<'l>>,
    userid: Option<u32>,
    #[serde(borrow)]
    method: Option<Named<'l>>,
    #[serde(default)]
    src: Ip,
    #[serde(default)]
    dst: Ip,
    icmp_sum: Option<u16>,
    sport: Option<u16>,
    dport: Option<u16>,
    #[serde(borrow)]
    stop_reason: Option<Named<'l>>,
    stop_data: Option<u8>,
    #[serde(borrow)]
    errmsg: Option<Text<'l>>,
    start: Option<Time>,
    hop_count: Option<u16>,
    attempts: Option<u8>,
    hoplimit: Option<u8>,
    firsthop: Option<u8>,
    wait: Option<u8>,
    wait_probe: Option<u8>,
    tos: Option<u8>,
    probe_size: Option<u16>,
    probe_count: Option<u16>,
    #[serde(borrow, default)]
    flags: Vec<Text<'l>>,
    #[serde(borrow)]
    pmtud: Option<Pmtud<'l>>,
    #[serde(borrow, default)]
    hops: Vec<Hop<'l>>,
    #[serde(borrow, default)]
    extra_hops: Vec<Hop<'l>>,
}

#[derive(Debug, Deserialize)]
struct Pmtud<'l> {
    if_mtu: Option<u16>,
    out_mtu: Option<u16>,
    path_mtu: Option<u16>,
    notec: Option<u8>,
    #[serde(borrow, default)]
    hops: Vec<Hop<'l>>,
}

impl Trace<'_> {
    /// Append the record's body.
    pub fn put(&self, ids: Ids, out: &mut Vec<u8>) -> Result<(), Fault> {
        let mut block = Block::default();
        let mut flags = flag_bits(&self.flags, &TRACE_FLAGS);
        flags |= self.icmp_sum.map_or(0, |_| ICMP_CSUM_DPORT);
        let reason = self.stop_reason.as_ref();
        let reason = reason.map(|it| it.number("stop_reason", stop_reason_name)).transpose()?;
        let method = self.method.as_ref().map(|it| it.number("method", method_name)).transpose()?;
        block.u32(1, ids.list).u32(2, ids.cycle).time(5, self.start.map(Into::into));
        block.u8(6, reason).u8(7, self.stop_data);
        block.u8(9, self.attempts).u8(10, self.hoplimit).u8(11, method);
        block.u16(12, self.probe_size).u16(13, self.sport).u16(14, self.icmp_sum.or(self.dport));
        block.u8(15, self.firsthop).u8(16, self.tos).u8(17, self.wait);
        block.u16(19, self.hop_count).u16(23, self.probe_count).u8(24, self.wait_probe);
        block.addr(26, self.src.0).addr(27, self.dst.0).u32(28, self.userid);
        block.u32(32, Some(flags).filter(|flags| *flags != 0)).u8(33, self.stop_hop());
        block.string(34, self.errmsg.as_ref().map(Text::bytes));
        block.end(out)?;
        let hops: Vec<&Hop<'_>> = self.hops.iter().chain(&self.extra_hops).collect();
        put_all(&hops, &mut block, out)?;
        if let Some(pmtud) = &self.pmtud {
            pmtud.put(&mut block, out)?;
        }
        out.extend_from_slice(&[0, 0]);
        Ok(())
    }

    /// Lines do not tell the stop hop, but which hops lie behind it.
    fn stop_hop(&self) -> Option<u8> {
        let first_extra = self.extra_hops.iter().map(|hop| hop.probe_ttl).min()?;
        Some(first_extra.saturating_sub(1).max(1))
    }
}

impl Pmtud<'_> {
    fn put(&self, block: &mut Block, out: &mut Vec<u8>) -> Result<(), Fault> {
        let mut body = Vec::new();
        block.u16(1, self.if_mtu).u16(2, self.path_mtu);
        block.u16(3, self.out_mtu.filter(|_| self.out_mtu != self.if_mtu));
        block.u8(5, self.notec).end(&mut body)?;
        put_all(&self.hops.iter().collect::<Vec<_>>(), block, &mut body)?;
        let len = u16::try_from(body.len()).ok().filter(|len| *len < 0x1000).ok_or(TooLong)?;
        out.extend_from_slice(&(0x1000 | len).to_be_bytes());
        out.extend_from_slice(&body);
        Ok(())
    }
}
