//! Traceroutes in the result format of RIPE Atlas, firmware 5000 and later.
//!
//! Source: <https://atlas.ripe.net/docs/apis/result-format/>, "Version 5000", traceroute.

use super::field::addr;
use super::trace::milliseconds;
use crate::json::Object;
use crate::warts::addr::Addr;
use crate::warts::extension::{Object as Extension, objects};
use crate::warts::tables::Tables;
use crate::warts::trace::{Hop, Trace};

/// The layout that the lines follow; Atlas's own probes say here what runs on them.
const FIRMWARE: u32 = 5000;
/// Stars of a trace that are told one by one; behind them a silent hop has one, so that a record
/// that lies about its probes cannot fill the memory.
const STARS: usize = 256;
/// Bottom and top of what a traceroute can probe.
const LAST_TTL: u16 = 255;

/// Append a line for `trace`, seen from `vp`.
pub fn write(trace: &Trace<'_>, tables: &Tables, vp: Option<&[u8]>, out: &mut Vec<u8>) {
    let start = trace.start.unwrap_or_default();
    let list = tables.list(trace.list_id);
    let mut o = Object::begin(out);
    o.number("fw", FIRMWARE);
    if let Some(version) = trace.dst.and_then(Addr::ip_version) {
        o.number("af", version);
    }
    addr("dst_addr", trace.dst, &mut o);
    addr("dst_name", trace.dst, &mut o);
    addr("src_addr", trace.src, &mut o);
    addr("from", trace.src, &mut o);
    if let Some(list) = list {
        o.number("msm_id", list.list_id).string("msm_name", &list.name);
    }
    if let Some(name) = vp {
        o.string("vp", name);
    }
    if let Some(cycle) = tables.cycle(trace.cycle_id) {
        o.number("cycle_id", cycle.cycle_id);
    }
    o.number("timestamp", start.sec).number("endtime", end(trace).max(start.sec));
    o.number("paris_id", u8::from(trace.is_paris())).number("size", trace.probe_size.unwrap_or(0));
    if let Some(protocol) = protocol(trace.method) {
        o.string("proto", protocol);
    }
    o.string("type", "traceroute");
    hops(trace, &mut o);
    o.end();
    out.push(b'\n');
}

fn protocol(method: Option<u8>) -> Option<&'static str> {
    match method? {
        1 | 4 => Some("ICMP"),
        2 | 5 => Some("UDP"),
        3 | 6 => Some("TCP"),
        _ => None,
    }
}

/// When the last answer came, seconds since 1970.
fn end(trace: &Trace<'_>) -> u32 {
    trace.path_hops().iter().map(|hop| hop.tx.after_us(hop.rtt_us).sec).max().unwrap_or(0)
}

fn hops(trace: &Trace<'_>, o: &mut Object<'_>) {
    let path = trace.path_hops();
    let deepest = path.last().map_or(0, |hop| u16::from(hop.probe_ttl));
    let stop = trace.stop_hop.filter(|stop| *stop > 0).map_or(LAST_TTL, u16::from);
    let last = trace.hop_count.unwrap_or(0).min(stop).min(LAST_TTL).max(deepest);
    let first = u16::from(trace.firsthop.unwrap_or(1).max(1));
    let first = path.first().map_or(first, |hop| first.min(u16::from(hop.probe_ttl)));
    let attempts = usize::from(trace.attempts.unwrap_or(1).max(1));
    let mut stars = STARS;
    let mut rest = path;
    o.array("result", first..=last, |ttl, out| {
        let count = rest.iter().take_while(|hop| u16::from(hop.probe_ttl) == ttl).count();
        let (here, behind) = rest.split_at(count);
        rest = behind;
        let mut o = Object::begin(out);
        o.number("hop", ttl);
        o.array("result", answers(here, attempts, &mut stars), |hop, out| match hop {
            Some(hop) => answer(trace, hop, out),
            None => out.extend_from_slice(b"{\"x\":\"*\"}"),
        });
        o.end();
    });
}

/// Answers at one TTL in order of their probes; nothing for a probe without answer.
fn answers<'h, 'a>(
    here: &'h [Hop<'a>],
    attempts: usize,
    stars: &mut usize,
) -> Vec<Option<&'h Hop<'a>>> {
    let mut take = |wanted: usize| {
        let given = wanted.min(*stars);
        *stars -= given;
        given
    };
    if here.is_empty() {
        return vec![None; take(attempts).max(1)];
    }
    let mut by_probe: Vec<&Hop<'a>> = here.iter().collect();
    by_probe.sort_by_key(|hop| hop.probe_id());
    let mut told = Vec::with_capacity(here.len());
    let mut next = 1;
    for hop in by_probe {
        let silent = usize::from(hop.probe_id().saturating_sub(next));
        told.extend(std::iter::repeat_n(None, take(silent)));
        told.push(Some(hop));
        next = hop.probe_id() + 1;
    }
    told
}

fn answer(trace: &Trace<'_>, hop: &Hop<'_>, out: &mut Vec<u8>) {
    let is_v6 = matches!(trace.dst, Some(Addr::V6(_)));
    let mut o = Object::begin(out);
    addr("from", hop.addr, &mut o);
    if let Some(ttl) = hop.reply_ttl() {
        o.number("ttl", ttl);
    }
    o.number("size", hop.reply_size);
    milliseconds(hop.rtt_us, o.key("rtt"));
    if hop.is_quoting(is_v6) && hop.quoted_ttl() != 1 {
        o.number("ittl", hop.quoted_ttl());
    }
    if let Some((kind, code)) = hop.icmp() {
        unreachable(kind, code, is_v6, hop.addr == trace.dst, &mut o);
    }
    if let Some(mtu) = hop.next_hop_mtu() {
        o.number("mtu", mtu);
    }
    if let Some(flags) = hop.tcp_flags() {
        let names = ["F", "S", "R", "P", "A", "U"].iter().enumerate();
        let set = names.filter(|(bit, _)| flags >> bit & 1 == 1).map(|(_, name)| *name);
        o.string("flags", set.collect::<String>());
    }
    if !hop.extension.is_empty() {
        extension(hop.extension, &mut o);
    }
    o.end();
}

/// `err`: a letter, or the code where Atlas has no letter. The destination's own "port unreachable"
/// is what a traceroute waits for and no error.
fn unreachable(kind: u8, code: u8, is_v6: bool, is_dst: bool, o: &mut Object<'_>) {
    let letter = match (is_v6, kind, code) {
        (false, 3, 3) | (true, 1, 4) if is_dst => return,
        (false, 3, 0) | (true, 1, 0) => "N",
        (false, 3, 1) | (true, 1, 3) => "H",
        (false, 3, 2) => "P",
        (false, 3, 3) | (true, 1, 4) => "p",
        (false, 3, 9 | 10 | 13) | (true, 1, 1) => "A",
        (true, 1, 2) => "h",
        (false, 3, _) | (true, 1, _) => {
            o.number("err", code);
            return;
        }
        _ => return,
    };
    o.string("err", letter);
}

fn extension(bytes: &[u8], o: &mut Object<'_>) {
    o.object("icmpext", |o| {
        o.number("version", 2).number("rfc4884", 1);
        o.array("obj", objects(bytes), |object, out| {
            let mut o = Object::begin(out);
            match object {
                Extension::Mpls(labels) => {
                    o.number("class", 1).number("type", 1);
                    o.array("mpls", labels, |label, out| {
                        let mut o = Object::begin(out);
                        o.number("label", label.label).number("exp", label.exp);
                        o.number("s", label.s).number("ttl", label.ttl);
                        o.end();
                    });
                }
                Extension::Other { class, kind, .. } => {
                    o.number("class", class).number("type", kind);
                }
            }
            o.end();
        });
    });
}
