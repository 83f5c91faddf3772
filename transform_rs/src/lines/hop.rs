//! Answers in lines of traceroutes.

use serde::Deserialize;

use super::error::Fault;
use super::value::{Ip, Rtt, Text, Time, flag_bits};
use crate::warts::encode::{Block, TooLong};
use crate::warts::trace::HOP_FLAGS;

/// An answer. Keys that are missing give absent parameters.
#[derive(Debug, Deserialize)]
pub struct Hop<'l> {
    #[serde(default)]
    addr: Ip,
    #[serde(borrow)]
    name: Option<Text<'l>>,
    pub probe_ttl: u8,
    probe_id: Option<u16>,
    probe_size: Option<u16>,
    tx: Option<Time>,
    #[serde(default)]
    rtt: Rtt,
    reply_ttl: Option<u8>,
    reply_tos: Option<u8>,
    reply_ipid: Option<u16>,
    reply_size: Option<u16>,
    #[serde(borrow, default)]
    flags: Vec<Text<'l>>,
    icmp_type: Option<u8>,
    icmp_code: Option<u8>,
    icmp_q_ttl: Option<u8>,
    icmp_q_ipl: Option<u16>,
    icmp_q_tos: Option<u8>,
    icmp_nhmtu: Option<u16>,
    tcp_flags: Option<u8>,
    #[serde(default)]
    icmpext: Vec<Extension>,
}

/// An ICMP extension object.
#[derive(Debug, Deserialize)]
struct Extension {
    ie_cn: u8,
    ie_ct: u8,
    #[serde(default)]
    ie_dl: u16,
    mpls_labels: Option<Vec<Label>>,
}

#[derive(Debug, Deserialize)]
struct Label {
    mpls_ttl: u8,
    mpls_s: u8,
    mpls_exp: u8,
    mpls_label: u32,
}

const REPLY_TTL: u8 = 0x10;
const TCP: u8 = 0x08;

/// Append a count and `hops`.
pub fn put_all(hops: &[&Hop<'_>], block: &mut Block, out: &mut Vec<u8>) -> Result<(), Fault> {
    let count = u16::try_from(hops.len()).map_err(|_| TooLong)?;
    out.extend_from_slice(&count.to_be_bytes());
    hops.iter().try_for_each(|hop| put(hop, block, out))
}

fn put(hop: &Hop<'_>, block: &mut Block, out: &mut Vec<u8>) -> Result<(), Fault> {
    let mut flags = flag_bits(&hop.flags, &HOP_FLAGS) as u8;
    flags |= hop.reply_ttl.map_or(0, |_| REPLY_TTL) | hop.tcp_flags.map_or(0, |_| TCP);
    let icmp = hop.icmp_type.map(|kind| u16::from_be_bytes([kind, hop.icmp_code.unwrap_or(0)]));
    let attempt = u8::try_from(hop.probe_id.unwrap_or(1).max(1) - 1).map_err(|_| TooLong)?;
    block.u8(2, Some(hop.probe_ttl)).u8(3, hop.reply_ttl).u8(4, Some(flags));
    block.u8(5, Some(attempt)).u32(6, Some(hop.rtt.0)).u16(7, icmp);
    block.u16(8, hop.probe_size).u16(9, hop.reply_size).u16(10, hop.reply_ipid);
    block.u8(11, hop.reply_tos).u16(12, hop.icmp_nhmtu).u16(13, hop.icmp_q_ipl);
    block.u8(14, hop.icmp_q_ttl).u8(15, hop.tcp_flags).u8(16, hop.icmp_q_tos);
    if !hop.icmpext.is_empty() {
        let objects = extensions(&hop.icmpext)?;
        let len = u16::try_from(objects.len()).map_err(|_| TooLong)?;
        block.u16(17, Some(len)).raw(17, Some(&objects));
    }
    block.addr(18, hop.addr.0).time(19, hop.tx.map(Into::into));
    block.string(20, hop.name.as_ref().map(Text::bytes));
    Ok(block.end(out)?)
}

/// Lines tell the length of other objects than label stacks, not their bytes: zeros stand for them.
fn extensions(objects: &[Extension]) -> Result<Vec<u8>, TooLong> {
    let mut out = Vec::new();
    for object in objects {
        let words = object.mpls_labels.iter().flatten().map(|label| {
            (label.mpls_label & 0xf_ffff) << 12
                | u32::from(label.mpls_exp & 7) << 9
                | u32::from(label.mpls_s & 1) << 8
                | u32::from(label.mpls_ttl)
        });
        let data: Vec<u8> = match object.mpls_labels {
            Some(_) => words.flat_map(u32::to_be_bytes).collect(),
            None => vec![0; usize::from(object.ie_dl)],
        };
        let len = u16::try_from(data.len()).map_err(|_| TooLong)?;
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(&[object.ie_cn, object.ie_ct]);
        out.extend_from_slice(&data);
        if out.len() > usize::from(u16::MAX) {
            return Err(TooLong);
        }
    }
    Ok(out)
}
