//! Lines for traceroutes.

use super::field::addr;
use super::time::ftime;
use crate::json::{Object, number, string};
use crate::warts::addr::Addr;
use crate::warts::cursor::Timeval;
use crate::warts::extension;
use crate::warts::tables::Tables;
use crate::warts::trace::{
    HOP_FLAGS, Hop, ICMP_CSUM_DPORT, TRACE_FLAGS, Trace, method_name, stop_reason_name,
};

/// Append a line for `trace`.
pub fn write(trace: &Trace<'_>, tables: &Tables, out: &mut Vec<u8>) {
    let is_v6 = matches!(trace.dst, Some(Addr::V6(_)));
    let mut o = Object::begin(out);
    o.raw("type", "\"trace\"").raw("version", "\"0.1\"");
    o.number("userid", trace.user_id.unwrap_or(0));
    match trace.method.map(|method| (method, method_name(method))) {
        Some((_, Some(name))) => o.string("method", name),
        Some((method, None)) => o.number("method", method),
        None => &mut o,
    };
    addr("src", trace.src, &mut o);
    addr("dst", trace.dst, &mut o);
    ports(trace, &mut o);
    let reason = trace.stop_reason.unwrap_or(0);
    match stop_reason_name(reason) {
        Some(name) => o.string("stop_reason", name),
        None => o.number("stop_reason", reason),
    };
    o.number("stop_data", trace.stop_data.unwrap_or(0));
    if let Some(errmsg) = trace.errmsg {
        o.string("errmsg", errmsg);
    }
    start(trace.start.unwrap_or_default(), &mut o);
    o.number("hop_count", trace.hop_count.unwrap_or(0));
    o.number("attempts", trace.attempts.unwrap_or(0));
    o.number("hoplimit", trace.hoplimit.unwrap_or(0));
    o.number("firsthop", trace.firsthop.unwrap_or(0));
    o.number("wait", trace.wait_s.unwrap_or(0));
    o.number("wait_probe", trace.wait_probe_cs.unwrap_or(0));
    o.number("tos", trace.tos.unwrap_or(0));
    o.number("probe_size", trace.probe_size.unwrap_or(0));
    o.number("probe_count", trace.probe_count.unwrap_or(0));
    if let Some(monitor) = tables.list(trace.list_id).and_then(|list| list.monitor.as_ref()) {
        o.string("monitor", monitor);
    }
    flags(trace, &mut o);
    pmtud(trace, is_v6, &mut o);
    let path = trace.path_range();
    hops("hops", &trace.hops[path.clone()], is_v6, &mut o);
    if path.end < trace.hops.len() {
        hops("extra_hops", &trace.hops[path.end..], is_v6, &mut o);
    }
    o.end();
    out.push(b'\n');
}

fn ports(trace: &Trace<'_>, o: &mut Object<'_>) {
    let (sport, dport) = (trace.sport.unwrap_or(0), trace.dport.unwrap_or(0));
    match trace.method {
        Some(1 | 4) if trace.flags & ICMP_CSUM_DPORT == 0 => {}
        Some(1 | 4) => {
            o.number("icmp_sum", dport);
        }
        _ => {
            o.number("sport", sport).number("dport", dport);
        }
    }
}

fn start(start: Timeval, o: &mut Object<'_>) {
    o.object("start", |o| {
        o.number("sec", start.sec).number("usec", start.usec);
        o.string("ftime", ftime(start.sec));
    });
}

fn flags(trace: &Trace<'_>, o: &mut Object<'_>) {
    let known = |(bit, name): &(u32, &'static str)| (trace.flags & bit != 0).then_some(*name);
    let mut set = TRACE_FLAGS.iter().filter_map(known).peekable();
    if set.peek().is_some() {
        o.array("flags", set, |name, out| string(name.as_bytes(), out));
    }
}

fn pmtud(trace: &Trace<'_>, is_v6: bool, o: &mut Object<'_>) {
    let Some(found) = trace.pmtud else {
        return;
    };
    o.object("pmtud", |o| {
        let if_mtu = found.if_mtu.unwrap_or(0);
        o.number("if_mtu", if_mtu).number("out_mtu", found.out_mtu.unwrap_or(if_mtu));
        o.number("path_mtu", found.path_mtu.unwrap_or(0));
        o.number("probec", trace.pmtud_hops.len());
        o.number("notec", found.notes.unwrap_or(0));
        hops("hops", &trace.pmtud_hops, is_v6, o);
    });
}

fn hops(key: &str, hops: &[Hop<'_>], is_v6: bool, o: &mut Object<'_>) {
    o.array(key, hops, |h, out| hop(h, is_v6, out));
}

/// Append literal text, then a number.
macro_rules! field {
    ($out:expr, $key:literal, $value:expr) => {
        $out.extend_from_slice($key.as_bytes());
        number($value, $out);
    };
}

fn hop(hop: &Hop<'_>, is_v6: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"addr\":\"");
    if let Some(addr) = hop.addr {
        addr.write_to(out);
    }
    out.push(b'"');
    if let Some(name) = hop.name {
        out.extend_from_slice(b",\"name\":");
        string(name, out);
    }
    field!(out, ",\"probe_ttl\":", hop.probe_ttl);
    field!(out, ",\"probe_id\":", hop.probe_id());
    field!(out, ",\"probe_size\":", hop.probe_size);
    if hop.tx.sec != 0 {
        field!(out, ",\"tx\":{\"sec\":", hop.tx.sec);
        field!(out, ",\"usec\":", hop.tx.usec);
        out.push(b'}');
    }
    out.extend_from_slice(b",\"rtt\":");
    milliseconds(hop.rtt_us, out);
    if let Some(ttl) = hop.reply_ttl() {
        field!(out, ",\"reply_ttl\":", ttl);
    }
    field!(out, ",\"reply_tos\":", hop.reply_tos);
    hop_flags(hop.flags, out);
    field!(out, ",\"reply_ipid\":", hop.reply_ipid);
    field!(out, ",\"reply_size\":", hop.reply_size);
    if let Some((kind, code)) = hop.icmp() {
        field!(out, ",\"icmp_type\":", kind);
        field!(out, ",\"icmp_code\":", code);
        if hop.is_quoting(is_v6) {
            field!(out, ",\"icmp_q_ttl\":", hop.quoted_ttl());
            field!(out, ",\"icmp_q_ipl\":", hop.quoted_length());
            field!(out, ",\"icmp_q_tos\":", hop.quoted_tos().unwrap_or(0));
        }
        if let Some(mtu) = hop.next_hop_mtu() {
            field!(out, ",\"icmp_nhmtu\":", mtu);
        }
    } else if let Some(flags) = hop.tcp_flags() {
        field!(out, ",\"tcp_flags\":", flags);
    }
    if !hop.extension.is_empty() {
        extensions(hop.extension, out);
    }
    out.push(b'}');
}

/// Microseconds as milliseconds with three decimals.
pub fn milliseconds(us: u32, out: &mut Vec<u8>) {
    number(us / 1000, out);
    let part = us % 1000;
    let digit = |n: u32| b'0' + (n % 10) as u8;
    out.extend_from_slice(&[b'.', digit(part / 100), digit(part / 10), digit(part)]);
}

fn hop_flags(flags: u8, out: &mut Vec<u8>) {
    if flags & 0x07 == 0 {
        return;
    }
    out.extend_from_slice(b",\"flags\":[");
    for (bit, name) in HOP_FLAGS {
        if flags & bit != 0 {
            out.push(b'"');
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b"\",");
        }
    }
    out.pop();
    out.push(b']');
}

fn extensions(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"icmpext\":[");
    for object in extension::objects(bytes) {
        let mut o = Object::begin(out);
        match object {
            extension::Object::Mpls(labels) => {
                o.number("ie_cn", 1).number("ie_ct", 1).number("ie_dl", labels.len() * 4);
                o.array("mpls_labels", labels.iter().enumerate(), |(i, label), out| {
                    let mut o = Object::begin(out);
                    o.number("mpls_ttl", label.ttl).number("mpls_s", label.s);
                    o.number("mpls_exp", label.exp).number("mpls_label", label.label);
                    let _ = i;
                    o.end();
                });
            }
            extension::Object::Other { class, kind, data } => {
                o.number("ie_cn", class).number("ie_ct", kind).number("ie_dl", data.len());
            }
        }
        o.end();
        out.push(b',');
    }
    if out.last() == Some(&b',') {
        out.pop();
    }
    out.push(b']');
}
