//! Lines of pings.

use serde::Deserialize;

use super::error::Fault;
use super::source::Ids;
use super::value::{Ip, Named, Rtt, Text, Time, flag_bits};
use crate::warts::addr::Addr;
use crate::warts::encode::{Block, TooLong};
use crate::warts::ping::{PING_FLAGS, method_name, stop_reason_name};

/// A ping.
#[derive(Debug, Deserialize)]
pub struct Ping<'l> {
    #[serde(borrow)]
    method: Named<'l>,
    #[serde(default)]
    src: Ip,
    #[serde(default)]
    dst: Ip,
    start: Option<Time>,
    #[serde(borrow)]
    stop_reason: Option<Named<'l>>,
    stop_data: Option<u8>,
    #[serde(borrow)]
    errmsg: Option<Text<'l>>,
    ping_sent: Option<u16>,
    probe_size: Option<u16>,
    userid: Option<u32>,
    ttl: Option<u8>,
    tos: Option<u8>,
    wait: Option<u8>,
    wait_us: Option<u32>,
    timeout: Option<u8>,
    sport: Option<u16>,
    dport: Option<u16>,
    tcp_seq: Option<u32>,
    tcp_ack: Option<u32>,
    #[serde(borrow)]
    payload: Option<Text<'l>>,
    #[serde(borrow, default)]
    flags: Vec<Text<'l>>,
    icmp_csum: Option<u16>,
    #[serde(default)]
    probe_tsps: Vec<Ip>,
    #[serde(borrow, default)]
    responses: Vec<Reply<'l>>,
}

#[derive(Debug, Deserialize)]
struct Reply<'l> {
    #[serde(default)]
    from: Ip,
    seq: Option<u16>,
    reply_size: Option<u16>,
    reply_ttl: Option<u8>,
    reply_tos: Option<u8>,
    #[serde(borrow)]
    reply_proto: Option<Text<'l>>,
    icmp_id: Option<u16>,
    icmp_seq: Option<u16>,
    #[serde(borrow, default)]
    reply_flags: Vec<Text<'l>>,
    #[serde(borrow)]
    ifname: Option<Text<'l>>,
    tx: Option<Time>,
    #[serde(default)]
    rtt: Rtt,
    probe_ipid: Option<u16>,
    reply_ipid: Option<u32>,
    icmp_type: Option<u8>,
    icmp_code: Option<u8>,
    tcp_flags: Option<u8>,
    #[serde(default, rename = "RR")]
    route: Vec<Ip>,
    #[serde(default)]
    tsandaddr: Vec<Stamp>,
    #[serde(default)]
    tsonly: Vec<u32>,
}

#[derive(Debug, Deserialize)]
struct Stamp {
    ts: u32,
    ip: Ip,
}

impl Ping<'_> {
    /// Append the record's body.
    pub fn put(&self, ids: Ids, out: &mut Vec<u8>) -> Result<(), Fault> {
        let mut block = Block::default();
        let method = self.method.number("method", method_name)?;
        let reason = self.stop_reason.as_ref();
        let reason = reason.map(|it| it.number("stop_reason", stop_reason_name)).transpose()?;
        let payload = self.payload.as_ref().map(|text| unhex(text)).transpose()?;
        let payload_len = payload.as_ref().map(|bytes| u16::try_from(bytes.len()));
        let flags = flag_bits(&self.flags, &PING_FLAGS);
        let (sport, dport) = self.identifiers();
        block.u32(1, ids.list).u32(2, ids.cycle).time(5, self.start.map(Into::into));
        block.u8(6, reason).u8(7, self.stop_data);
        block.u16(8, payload_len.transpose().map_err(|_| TooLong)?).raw(9, payload.as_deref());
        block.u16(11, self.probe_size).u8(12, self.wait).u8(13, self.ttl);
        block.u16(15, self.ping_sent).u8(16, Some(method)).u16(17, sport).u16(18, dport);
        block.u32(19, self.userid).addr(20, self.src.0).addr(21, self.dst.0).u8(23, self.tos);
        block.addrs(24, &addrs(&self.probe_tsps))?.u16(25, self.icmp_csum);
        block.u8(27, self.timeout.filter(|_| self.timeout != self.wait)).u32(28, self.wait_us);
        block.u32(29, self.tcp_ack).u32(30, Some(flags).filter(|flags| *flags != 0));
        block.u32(31, self.tcp_seq).string(34, self.errmsg.as_ref().map(Text::bytes));
        block.end(out)?;
        let count = u16::try_from(self.responses.len()).map_err(|_| TooLong)?;
        out.extend_from_slice(&count.to_be_bytes());
        let is_v6 = matches!(self.dst.0, Some(Addr::V6(_)));
        let mut names = Vec::new();
        self.responses.iter().try_for_each(|reply| reply.put(is_v6, &mut names, &mut block, out))
    }

    /// Ports; for ICMP the identifiers, which lines tell with the answers only.
    fn identifiers(&self) -> (Option<u16>, Option<u16>) {
        let first = self.responses.iter().find_map(|reply| Some((reply, reply.icmp_seq?)));
        let Some((reply, icmp_seq)) = first.filter(|_| self.sport.is_none()) else {
            return (self.sport, self.dport);
        };
        (reply.icmp_id, Some(icmp_seq.wrapping_sub(reply.seq.unwrap_or(0))))
    }
}

impl Reply<'_> {
    fn put<'r>(
        &'r self,
        is_v6: bool,
        names: &mut Vec<&'r [u8]>,
        block: &mut Block,
        out: &mut Vec<u8>,
    ) -> Result<(), Fault> {
        let icmp =
            self.icmp_type.map(|kind| u16::from_be_bytes([kind, self.icmp_code.unwrap_or(0)]));
        let flags = flag_bits(&self.reply_flags, &[(0x08_u8, "dltxts"), (0x10, "dlrxts")]) as u8;
        let ipid = self.reply_ipid.filter(|_| !is_v6).map(u16::try_from);
        block.u8(2, Some(flags)).u8(3, self.reply_ttl).u16(4, self.reply_size).u16(5, icmp);
        block.u32(6, Some(self.rtt.0)).u16(7, self.seq);
        block.u16(8, ipid.transpose().map_err(|_| TooLong)?).u16(9, self.probe_ipid);
        block.u8(10, self.protocol(is_v6)?).u8(11, self.tcp_flags).addr(12, self.from.0);
        block.addrs(13, &addrs(&self.route))?;
        self.put_timestamps(block)?;
        block.u32(15, self.reply_ipid.filter(|_| is_v6)).time(16, self.tx.map(Into::into));
        block.u8(19, self.reply_tos);
        if let Some(name) = self.ifname.as_ref().map(Text::bytes) {
            let known = names.iter().position(|known| *known == name);
            let index = known.unwrap_or(names.len());
            block.u8(20, Some(u8::try_from(index + 1).map_err(|_| TooLong)?));
            if known.is_none() {
                names.push(name);
                block.string(20, Some(name));
            }
        }
        Ok(block.end(out)?)
    }

    fn protocol(&self, is_v6: bool) -> Result<Option<u8>, Fault> {
        let Some(Text(name)) = &self.reply_proto else {
            return Ok(None);
        };
        let unknown = || Fault::Name { key: "reply_proto", value: name.chars().take(40).collect() };
        Ok(Some(match &**name {
            "icmp" if is_v6 => 58,
            "icmp" => 1,
            "tcp" => 6,
            "udp" => 17,
            other => other.parse().map_err(|_| unknown())?,
        }))
    }

    /// Times of the timestamp option, with addresses or without.
    fn put_timestamps(&self, block: &mut Block) -> Result<(), TooLong> {
        let times = self.tsandaddr.iter().map(|stamp| stamp.ts).chain(self.tsonly.iter().copied());
        let times: Vec<u8> = times.flat_map(u32::to_be_bytes).collect();
        if times.is_empty() {
            return Ok(());
        }
        let ips: Vec<Ip> = self.tsandaddr.iter().map(|stamp| stamp.ip).collect();
        let ips = addrs(&ips);
        let count = |n: usize| u8::try_from(n).map_err(|_| TooLong);
        let head = [count(times.len() / 4)?, count(ips.len())?];
        block.raw(14, Some(&head)).raw(14, Some(&times));
        ips.iter().for_each(|ip| {
            block.addr(14, Some(*ip));
        });
        Ok(())
    }
}

fn addrs(ips: &[Ip]) -> Vec<Addr> {
    ips.iter().filter_map(|ip| ip.0).collect()
}

fn unhex(Text(text): &Text<'_>) -> Result<Vec<u8>, Fault> {
    let wrong = || Fault::Name { key: "payload", value: text.chars().take(40).collect() };
    let nibbles: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
    let nibbles = nibbles.filter(|nibbles| nibbles.len().is_multiple_of(2)).ok_or_else(wrong)?;
    Ok(nibbles.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect())
}
