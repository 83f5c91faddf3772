//! Lines for traceroutes over all flows.

use std::collections::BTreeSet;

use super::field::{addr, timeval};
use super::time::ftime;
use crate::json::Object;
use crate::warts::addr::Addr;
use crate::warts::tracelb::{Link, Probe, Reply, Tracelb, method_name};

/// Append a line for `trace`.
pub fn write(trace: &Tracelb<'_>, out: &mut Vec<u8>) {
    let mut o = Object::begin(out);
    o.string("type", "tracelb").string("version", "0.1");
    o.number("userid", trace.user_id);
    o.string("method", method_name(trace.method).unwrap_or("(null)"));
    addr("src", trace.src, &mut o);
    addr("dst", trace.dst, &mut o);
    addr("rtr", trace.rtr, &mut o);
    if matches!(trace.method, 1 | 3..=5) {
        o.number("sport", trace.sport).number("dport", trace.dport);
    }
    let start = trace.start.unwrap_or_default();
    o.object("start", |o| {
        o.number("sec", start.sec).number("usec", start.usec).string("ftime", ftime(start.sec));
    });
    o.number("probe_size", trace.probe_size).number("firsthop", trace.firsthop);
    o.number("attempts", trace.attempts).number("confidence", trace.confidence);
    o.number("tos", trace.tos).number("gaplimit", trace.gap_limit);
    o.number("wait_timeout", trace.wait_timeout_s);
    o.number("wait_probe", u32::from(trace.wait_probe_cs) * 10);
    o.number("probec", trace.probe_count).number("probec_max", trace.probe_count_max);
    o.number("nodec", trace.nodes.len()).number("linkc", trace.links.len());
    nodes(trace, &mut o);
    o.end();
    out.push(b'\n');
}

fn nodes(trace: &Tracelb<'_>, o: &mut Object<'_>) {
    let leaving = |node: usize| trace.links.iter().filter(move |l| usize::from(l.from) == node);
    let with_links = trace.nodes.iter().enumerate().filter(|(i, _)| leaving(*i).next().is_some());
    let mut with_links = with_links.peekable();
    if with_links.peek().is_none() {
        return;
    }
    o.array("nodes", with_links, |(i, node), out| {
        let mut o = Object::begin(out);
        match node.addr {
            Some(value) => addr("addr", Some(value), &mut o),
            None => {
                o.string("addr", "*");
            }
        }
        if let Some(name) = node.name {
            o.string("name", name);
        }
        if let Some(ttl) = node.quoted_ttl() {
            o.number("q_ttl", ttl);
        }
        let links: Vec<&Link<'_>> = leaving(i).collect();
        o.number("linkc", links.len());
        match &links[..] {
            [only] => {
                o.array("links", 0..only.sets.len(), |hop, out| {
                    out.push(b'[');
                    far_end(trace, only, hop, out);
                    out.push(b']');
                });
            }
            several => {
                o.array("links", [several], |several, out| {
                    let open = if several.is_empty() { "[]" } else { "" };
                    out.extend_from_slice(open.as_bytes());
                    for (n, link) in several.iter().enumerate() {
                        out.push(if n == 0 { b'[' } else { b',' });
                        direct(trace, link, out);
                    }
                    out.push(b']');
                });
            }
        }
        o.end();
    });
}

/// Hop `hop` of the only link of a node: who answered there, by address; the last is the far node.
fn far_end(trace: &Tracelb<'_>, link: &Link<'_>, hop: usize, out: &mut Vec<u8>) {
    if hop + 1 == link.sets.len() {
        return end(trace, link, link.sets.get(hop), out);
    }
    let probes = link.sets.get(hop).into_iter().flatten();
    let replies = probes.clone().flat_map(|probe| &probe.replies);
    let answered: BTreeSet<Addr> = replies.filter_map(|reply| reply.from).collect();
    if answered.is_empty() {
        out.extend_from_slice(b"{\"addr\":\"*\"}");
    }
    for (i, from) in answered.into_iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        let by = |probe: &&Probe<'_>| probe.replies.iter().any(|reply| reply.from == Some(from));
        let mut o = Object::begin(out);
        addr("addr", Some(from), &mut o);
        o.array("probes", probes.clone().filter(by), probe);
        o.end();
    }
}

/// One of several links of a node.
fn direct(trace: &Tracelb<'_>, link: &Link<'_>, out: &mut Vec<u8>) {
    end(trace, link, link.sets.first(), out);
}

fn end(trace: &Tracelb<'_>, link: &Link<'_>, set: Option<&Vec<Probe<'_>>>, out: &mut Vec<u8>) {
    let node = link.to.and_then(|to| trace.nodes.get(usize::from(to)));
    let mut o = Object::begin(out);
    match node.and_then(|node| node.addr) {
        Some(value) => {
            addr("addr", Some(value), &mut o);
            o.array("probes", set.into_iter().flatten(), probe);
        }
        None => {
            o.string("addr", "*");
        }
    }
    o.end();
}

fn probe(probe: &Probe<'_>, out: &mut Vec<u8>) {
    let mut o = Object::begin(out);
    timeval("tx", probe.tx, &mut o);
    o.number("replyc", probe.replies.len()).number("ttl", probe.ttl);
    o.number("attempt", probe.attempt).number("flowid", probe.flow_id);
    if !probe.replies.is_empty() {
        o.array("replies", &probe.replies, |r, out| reply(probe, r, out));
    }
    o.end();
}

fn reply(probe: &Probe<'_>, reply: &Reply<'_>, out: &mut Vec<u8>) {
    let mut o = Object::begin(out);
    timeval("rx", reply.rx, &mut o);
    o.number("ttl", reply.ttl);
    if let Some(rtt_us) = reply.rtt_us(probe) {
        super::trace::milliseconds(rtt_us, o.key("rtt"));
    }
    o.number("ipid", reply.ipid);
    if reply.is_tcp() {
        o.number("tcp_flags", reply.tcp_flags);
    } else {
        let (kind, code) = reply.icmp;
        o.number("icmp_type", kind).number("icmp_code", code);
        o.number("icmp_q_tos", reply.quoted_tos);
        let is_v6 = matches!(reply.from, Some(Addr::V6(_)));
        if matches!((is_v6, kind), (false, 3 | 11) | (true, 1 | 3)) {
            o.number("icmp_q_ttl", reply.quoted_ttl);
        }
    }
    o.end();
}
