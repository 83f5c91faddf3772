//! Lines of alias tests.

use serde::Deserialize;

use super::error::Fault;
use super::source::Ids;
use super::value::{Ip, Named, Text, Time};
use crate::warts::addr::Addr;
use crate::warts::dealias::{method_name, probe_method_name, result_name};
use crate::warts::encode::{Block, TooLong};

/// An alias test.
#[derive(Debug, Deserialize)]
pub struct Dealias<'l> {
    #[serde(borrow)]
    method: Named<'l>,
    userid: Option<u32>,
    #[serde(borrow)]
    result: Named<'l>,
    start: Option<Time>,
    #[serde(borrow)]
    errmsg: Option<Text<'l>>,
    attempts: Option<u16>,
    wait_timeout: Option<u8>,
    wait_probe: Option<u16>,
    wait_round: Option<u32>,
    fudge: Option<u16>,
    bump_limit: Option<u16>,
    #[serde(default)]
    a: Ip,
    #[serde(borrow)]
    b: Option<Text<'l>>,
    #[serde(default)]
    ab: Ip,
    #[serde(default)]
    xs: Vec<Ip>,
    replyc: Option<u8>,
    #[serde(borrow, default)]
    flags: Vec<Text<'l>>,
    probec: Option<u32>,
    #[serde(borrow, default)]
    probedefs: Vec<Probedef<'l>>,
    #[serde(default)]
    probes: Vec<Probe>,
}

#[derive(Debug, Deserialize)]
struct Probedef<'l> {
    id: u32,
    #[serde(default)]
    src: Ip,
    #[serde(default)]
    dst: Ip,
    ttl: Option<u8>,
    size: Option<u16>,
    #[serde(borrow)]
    method: Named<'l>,
    icmp_id: Option<u16>,
    icmp_csum: Option<u16>,
    udp_sport: Option<u16>,
    udp_dport: Option<u16>,
    tcp_sport: Option<u16>,
    tcp_dport: Option<u16>,
    tcp_flags: Option<u8>,
    mtu: Option<u16>,
}

#[derive(Debug, Deserialize)]
struct Probe {
    probedef_id: u32,
    seq: u32,
    tx: Time,
    ipid: Option<u16>,
    #[serde(default)]
    replies: Vec<Reply>,
}

#[derive(Debug, Deserialize)]
struct Reply {
    #[serde(default)]
    src: Ip,
    rx: Time,
    ttl: Option<u8>,
    size: Option<u16>,
    ipid: Option<u16>,
    proto: Option<u8>,
    icmp_type: Option<u8>,
    icmp_code: Option<u8>,
    icmp_q_ttl: Option<u8>,
    tcp_flags: Option<u8>,
}

impl Dealias<'_> {
    /// Append the record's body.
    pub fn put(&self, ids: Ids, out: &mut Vec<u8>) -> Result<(), Fault> {
        let mut block = Block::default();
        let method = self.method.number("method", method_name)?;
        let result = self.result.number("result", result_name)?;
        let count = u32::try_from(self.probes.len()).map_err(|_| TooLong)?;
        block.u32(1, ids.list).u32(2, ids.cycle).time(3, self.start.map(Into::into));
        block.u8(4, Some(method)).u8(5, Some(result)).u32(6, Some(self.probec.unwrap_or(count)));
        block.u32(7, self.userid).string(8, self.errmsg.as_ref().map(Text::bytes));
        block.end(out)?;
        if !(1..=5).contains(&method) {
            return Ok(());
        }
        self.check(method, count)?;
        self.put_options(method, &mut block)?;
        block.end(out)?;
        for def in &self.probedefs {
            def.put(&mut block)?;
            block.end(out)?;
        }
        self.probes.iter().try_for_each(|probe| probe.put(&mut block, out))
    }

    /// Records of some methods have a fixed number of probe definitions.
    fn check(&self, method: u8, probes: u32) -> Result<(), Fault> {
        let fixed = match method {
            1 => Some(1),
            2 | 5 => Some(2),
            _ => None,
        };
        let wrong = |key| Err(Fault::Name { key, value: self.probedefs.len().to_string() });
        if fixed.is_some_and(|count| count != self.probedefs.len()) {
            return wrong("number of probedefs");
        }
        if self.probec.is_some_and(|count| count != probes) {
            return wrong("probec beside the number of probes");
        }
        Ok(())
    }

    fn put_options(&self, method: u8, block: &mut Block) -> Result<(), Fault> {
        let attempts = self.attempts.map(u8::try_from).transpose();
        let attempts = || attempts.map_err(|_| TooLong);
        let count = self.probedefs.len();
        let nobs = self.flags.iter().any(|Text(name)| name == "nobs").then_some(1);
        match method {
            1 => {
                block.u8(1, attempts()?).u8(2, self.wait_timeout);
            }
            2 => {
                block.u16(1, self.wait_probe).u8(2, self.wait_timeout).u8(3, attempts()?);
                block.u16(4, self.fudge).u8(5, nobs);
            }
            3 => {
                block.u32(1, Some(count as u32)).u16(2, self.attempts).u16(3, self.wait_probe);
                block.u32(4, self.wait_round).u8(5, self.wait_timeout).u8(6, nobs);
            }
            4 => {
                let (b, prefix) = self.scanned()?;
                let left_out: Vec<Addr> = self.xs.iter().filter_map(|ip| ip.0).collect();
                block.addr(1, self.a.0).addr(2, b).addr(3, self.ab.0);
                if !left_out.is_empty() {
                    let count = u8::try_from(left_out.len()).map_err(|_| TooLong)?;
                    block.u16(4, Some(u16::from(count)));
                    left_out.iter().for_each(|addr| {
                        block.addr(4, Some(*addr));
                    });
                }
                block.u8(5, prefix).u8(6, attempts()?).u16(7, self.fudge);
                block.u16(8, self.wait_probe).u8(9, self.wait_timeout);
                block.u16(10, Some(u16::try_from(count).map_err(|_| TooLong)?));
                block.u8(11, nobs).u8(12, self.replyc);
            }
            _ => {
                block.u16(1, self.wait_probe).u16(2, self.bump_limit).u8(3, attempts()?);
            }
        }
        Ok(())
    }

    /// Prefixscan's `b`, an address with the length of the scanned prefix.
    fn scanned(&self) -> Result<(Option<Addr>, Option<u8>), Fault> {
        let Some(Text(text)) = &self.b else {
            return Ok((None, None));
        };
        let parts = text
            .split_once('/')
            .and_then(|(addr, len)| Some((Addr::parse(addr)?, len.parse().ok()?)));
        let wrong = || Fault::Name { key: "b", value: text.chars().take(40).collect() };
        parts.map(|(addr, len)| (Some(addr), Some(len))).ok_or_else(wrong)
    }
}

impl Probedef<'_> {
    fn put(&self, block: &mut Block) -> Result<(), Fault> {
        let method = self.method.number("method", probe_method_name)?;
        let ports = (self.udp_sport.or(self.tcp_sport), self.udp_dport.or(self.tcp_dport));
        block.u32(3, Some(self.id)).u8(4, Some(method)).u8(5, self.ttl);
        if let (Some(sport), Some(dport)) = ports {
            block.u16(7, Some(sport)).u16(7, Some(dport));
        }
        block.u8(8, self.tcp_flags).u16(9, self.icmp_id).addr(10, self.dst.0);
        block.addr(11, self.src.0).u16(12, self.size).u16(13, self.mtu).u16(14, self.icmp_csum);
        Ok(())
    }
}

impl Probe {
    fn put(&self, block: &mut Block, out: &mut Vec<u8>) -> Result<(), Fault> {
        let count = u16::try_from(self.replies.len()).map_err(|_| TooLong)?;
        block.u32(1, Some(self.probedef_id)).time(2, Some(self.tx.into())).u16(3, Some(count));
        block.u16(4, self.ipid).u32(5, Some(self.seq)).end(out)?;
        self.replies.iter().try_for_each(|reply| reply.put(block, out))
    }
}

impl Reply {
    fn put(&self, block: &mut Block, out: &mut Vec<u8>) -> Result<(), Fault> {
        let icmp =
            self.icmp_type.map(|kind| u16::from_be_bytes([kind, self.icmp_code.unwrap_or(0)]));
        block.time(2, Some(self.rx.into())).u16(3, self.ipid).u8(4, self.ttl).u16(5, icmp);
        block.u8(6, self.icmp_q_ttl).u8(8, self.proto).u8(9, self.tcp_flags);
        block.addr(10, self.src.0).u16(13, self.size);
        Ok(block.end(out)?)
    }
}
