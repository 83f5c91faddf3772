//! Lines for alias resolution. The MIDAR methods, which scamper's tools cannot print, get what is
//! known of them.

use super::field::{addr, timeval};
use crate::json::{Object, number, string};
use crate::warts::addr::Addr;
use crate::warts::dealias::{
    Dealias, Probe, Probedef, Reply, method_name, probe_method_name, result_name,
};

/// Append a line for `dealias`.
pub fn write(dealias: &Dealias<'_>, out: &mut Vec<u8>) {
    let mut o = Object::begin(out);
    o.string("type", "dealias").string("version", "0.2");
    named("method", dealias.method, method_name, &mut o);
    o.number("userid", dealias.user_id);
    named("result", dealias.result, result_name, &mut o);
    timeval("start", dealias.start.unwrap_or_default(), &mut o);
    if let Some(errmsg) = dealias.errmsg {
        o.string("errmsg", errmsg);
    }
    options(dealias, &mut o);
    if (1..=5).contains(&dealias.method) {
        o.array("probedefs", &dealias.probedefs, probedef);
        o.array("probes", &dealias.probes, |p, out| probe(dealias, p, out));
    } else {
        o.number("probec", dealias.probe_count);
    }
    o.end();
    out.push(b'\n');
}

fn named(key: &str, value: u8, name: fn(u8) -> Option<&'static str>, o: &mut Object<'_>) {
    match name(value) {
        Some(name) => o.string(key, name),
        None => o.string(key, value.to_string()),
    };
}

fn options(dealias: &Dealias<'_>, o: &mut Object<'_>) {
    let told = &dealias.options;
    match dealias.method {
        1 => {
            o.number("attempts", told.attempts).number("wait_timeout", told.wait_timeout_s);
        }
        2 => {
            o.number("wait_probe", told.wait_probe_ms).number("wait_timeout", told.wait_timeout_s);
            o.number("attempts", told.attempts).number("fudge", told.fudge);
        }
        3 => {
            o.number("attempts", told.attempts).number("wait_probe", told.wait_probe_ms);
            o.number("wait_round", told.wait_round_ms).number("wait_timeout", told.wait_timeout_s);
        }
        4 => {
            addr("a", told.a, o);
            prefix(told.b, told.prefix, o);
            addr("ab", told.ab, o);
            if !told.excluded.is_empty() {
                o.array("xs", &told.excluded, |addr, out| string(addr.to_string().as_bytes(), out));
            }
            o.number("attempts", told.attempts).number("replyc", told.reply_count);
            o.number("fudge", told.fudge).number("wait_probe", told.wait_probe_ms);
            o.number("wait_timeout", told.wait_timeout_s);
        }
        5 => {
            o.number("wait_probe", told.wait_probe_ms).number("bump_limit", told.bump_limit);
            o.number("attempts", told.attempts);
        }
        _ => {}
    }
    if matches!(dealias.method, 2..=4) && told.flags & 1 != 0 {
        o.raw("flags", "[\"nobs\"]");
    }
}

fn prefix(b: Option<Addr>, len: u8, o: &mut Object<'_>) {
    if let Some(b) = b {
        let out = o.key("b");
        out.push(b'"');
        b.write_to(out);
        out.push(b'/');
        number(len, out);
        out.push(b'"');
    }
}

fn probedef(def: &Probedef, out: &mut Vec<u8>) {
    let mut o = Object::begin(out);
    o.number("id", def.id);
    addr("src", def.src, &mut o);
    addr("dst", def.dst, &mut o);
    o.number("ttl", def.ttl).number("size", def.size);
    named("method", def.method, probe_method_name, &mut o);
    match def.method {
        1 => {
            o.number("icmp_id", def.icmp_id).number("icmp_csum", def.dport);
        }
        3 | 5 => {
            o.number("udp_sport", def.sport).number("udp_dport", def.dport);
        }
        _ => {
            o.number("tcp_sport", def.sport).number("tcp_dport", def.dport);
            o.number("tcp_flags", def.tcp_flags);
        }
    }
    if def.mtu != 0 {
        o.number("mtu", def.mtu);
    }
    o.end();
}

fn probe(dealias: &Dealias<'_>, probe: &Probe<'_>, out: &mut Vec<u8>) {
    let target = dealias.probedefs.iter().find(|def| def.id == probe.def);
    let is_v6 = matches!(target.and_then(|def| def.dst), Some(Addr::V6(_)));
    let mut o = Object::begin(out);
    o.number("probedef_id", probe.def).number("seq", probe.seq);
    timeval("tx", probe.tx, &mut o);
    if !is_v6 {
        o.number("ipid", probe.ipid);
    }
    o.array("replies", &probe.replies, |r, out| reply(r, is_v6, out));
    o.end();
}

fn reply(reply: &Reply<'_>, is_v6: bool, out: &mut Vec<u8>) {
    let mut o = Object::begin(out);
    addr("src", reply.src, &mut o);
    timeval("rx", reply.rx, &mut o);
    o.number("ttl", reply.ttl);
    if let Some(size) = reply.size {
        o.number("size", size);
    }
    if !is_v6 {
        o.number("ipid", reply.ipid);
    }
    let icmp = if is_v6 { 58 } else { 1 };
    let protocol = reply.protocol.unwrap_or(icmp);
    o.number("proto", protocol);
    if protocol == icmp {
        let (kind, code) = reply.icmp;
        o.number("icmp_type", kind).number("icmp_code", code);
        let is_quoting = if is_v6 { matches!(kind, 1..=3) } else { matches!(kind, 3 | 11) };
        if is_quoting {
            o.number("icmp_q_ttl", reply.quoted_ttl);
        }
    } else if protocol == 6 {
        o.number("tcp_flags", reply.tcp_flags);
    }
    o.end();
}
