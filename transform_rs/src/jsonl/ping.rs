//! Lines for pings.

use super::field::{addr, hex_string, milliseconds_u64, timeval};
use crate::json::{Object, number, string};
use crate::warts::addr::Addr;
use crate::warts::ping::{
    ICMP_SUM, PING_FLAGS, Ping, Protocol, Reply, method_name, stop_reason_name,
};

/// Append a line for `ping`.
pub fn write(ping: &Ping<'_>, out: &mut Vec<u8>) {
    let mut o = Object::begin(out);
    o.string("type", "ping").string("version", "0.4");
    match method_name(ping.method) {
        Some(name) => o.string("method", name),
        None => o.string("method", ping.method.to_string()),
    };
    addr("src", ping.src, &mut o);
    addr("dst", ping.dst, &mut o);
    timeval("start", ping.start.unwrap_or_default(), &mut o);
    match stop_reason_name(ping.stop_reason) {
        Some(name) => o.string("stop_reason", name),
        None => o.number("stop_reason", ping.stop_reason),
    };
    o.number("stop_data", ping.stop_data);
    if let Some(errmsg) = ping.errmsg {
        o.string("errmsg", errmsg);
    }
    o.number("ping_sent", ping.sent).number("probe_size", ping.probe_size);
    o.number("userid", ping.user_id).number("ttl", ping.ttl).number("tos", ping.tos);
    o.number("wait", ping.wait_s);
    if ping.wait_us != 0 {
        o.number("wait_us", ping.wait_us);
    }
    o.number("timeout", ping.timeout_s.unwrap_or(ping.wait_s));
    probe(ping, &mut o);
    o.array("responses", &ping.replies, |r, out| reply(ping, r, out));
    o.raw("no_responses", "[]");
    statistics(ping, &mut o);
    o.end();
    out.push(b'\n');
}

fn probe(ping: &Ping<'_>, o: &mut Object<'_>) {
    if matches!(ping.method, 1..=4 | 6..=8) {
        o.number("sport", ping.sport).number("dport", ping.dport);
    }
    if matches!(ping.method, 1 | 2 | 6..=8) {
        o.number("tcp_seq", ping.tcp_seq).number("tcp_ack", ping.tcp_ack);
    }
    if !ping.payload.is_empty() {
        hex_string("payload", ping.payload, o);
    }
    let known = |(bit, name): &(u32, &'static str)| (ping.flags & bit != 0).then_some(*name);
    let mut set = PING_FLAGS.iter().filter_map(known).peekable();
    if set.peek().is_some() {
        o.array("flags", set, |name, out| string(name.as_bytes(), out));
    }
    if ping.flags & ICMP_SUM != 0 {
        o.number("icmp_csum", ping.icmp_csum);
    }
    if !ping.timestamps_of.is_empty() {
        addrs("probe_tsps", &ping.timestamps_of, o);
    }
}

fn addrs(key: &str, all: &[Addr], o: &mut Object<'_>) {
    o.array(key, all, |addr, out| {
        out.push(b'"');
        addr.write_to(out);
        out.push(b'"');
    });
}

fn reply(ping: &Ping<'_>, reply: &Reply<'_>, out: &mut Vec<u8>) {
    let mut o = Object::begin(out);
    addr("from", reply.addr, &mut o);
    o.number("seq", reply.probe_id).number("reply_size", reply.size);
    o.number("reply_ttl", reply.ttl).number("reply_tos", reply.tos);
    let protocol = reply.protocol();
    match protocol {
        Protocol::Icmp => o.string("reply_proto", "icmp"),
        Protocol::Tcp => o.string("reply_proto", "tcp"),
        Protocol::Udp => o.string("reply_proto", "udp"),
        Protocol::Other(number) => o.string("reply_proto", number.to_string()),
    };
    ports(ping, reply, &mut o);
    if let Some(name) = reply.ifname {
        o.string("ifname", name);
    }
    if reply.tx.sec != 0 {
        let rx = reply.tx.after_us(reply.rtt_us);
        timeval("tx", reply.tx, &mut o);
        timeval("rx", rx, &mut o);
    }
    super::trace::milliseconds(reply.rtt_us, o.key("rtt"));
    if matches!(ping.dst, Some(Addr::V6(_))) {
        if let Some(ipid) = reply.ipid32.filter(|ipid| *ipid != 0) {
            o.number("reply_ipid", ipid);
        }
    } else {
        o.number("probe_ipid", reply.probe_ipid).number("reply_ipid", reply.ipid);
    }
    match protocol {
        Protocol::Icmp => {
            o.number("icmp_type", reply.icmp.0).number("icmp_code", reply.icmp.1);
        }
        Protocol::Tcp => {
            o.number("tcp_flags", reply.tcp_flags);
        }
        _ => {}
    }
    options(reply, &mut o);
    o.end();
}

/// Ports or identifiers of the probe that was answered.
fn ports(ping: &Ping<'_>, reply: &Reply<'_>, o: &mut Object<'_>) {
    let (sport, dport, seq) = (ping.sport, ping.dport, reply.probe_id);
    match ping.method {
        0 | 5 => o.number("icmp_id", sport).number("icmp_seq", dport.wrapping_add(seq)),
        2 => o.number("tcp_sport", sport.wrapping_add(seq)).number("tcp_dport", dport),
        1 | 6..=8 => o.number("tcp_sport", sport).number("tcp_dport", dport),
        4 => o.number("udp_sport", sport).number("udp_dport", dport.wrapping_add(seq)),
        3 => o.number("udp_sport", sport).number("udp_dport", dport),
        _ => o,
    };
    let names = [(0x08, "dltxts"), (0x10, "dlrxts")];
    let known = |(bit, name): &(u8, &'static str)| (reply.flags & bit != 0).then_some(*name);
    let mut set = names.iter().filter_map(known).peekable();
    if set.peek().is_some() {
        o.array("reply_flags", set, |name, out| string(name.as_bytes(), out));
    }
}

fn options(reply: &Reply<'_>, o: &mut Object<'_>) {
    if !reply.route.is_empty() {
        addrs("RR", &reply.route, o);
    }
    if !reply.timestamp_addrs.is_empty() {
        let pairs = reply.timestamps.iter().zip(&reply.timestamp_addrs);
        o.array("tsandaddr", pairs, |(ts, ip), out| {
            let mut o = Object::begin(out);
            o.number("ts", *ts);
            addr("ip", Some(*ip), &mut o);
            o.end();
        });
    } else if !reply.timestamps.is_empty() {
        o.array("tsonly", &reply.timestamps, |ts, out| number(*ts, out));
    }
}

fn statistics(ping: &Ping<'_>, o: &mut Object<'_>) {
    let answered = ping.answered();
    let rtts: Vec<u64> = ping.replies.iter().map(|reply| u64::from(reply.rtt_us)).collect();
    o.object("statistics", |o| {
        o.number("replies", answered);
        let sent = usize::from(ping.sent);
        if sent > 0 {
            let lost = sent.saturating_sub(answered);
            o.raw("loss", &loss(lost, sent));
        }
        let (Some(least), Some(most)) = (rtts.iter().min(), rtts.iter().max()) else {
            return;
        };
        let count = rtts.len() as u64;
        let mean = rtts.iter().sum::<u64>() as f64 / count as f64;
        let spread = rtts.iter().map(|rtt| (*rtt as f64 - mean).powi(2)).sum::<f64>();
        milliseconds_u64(*least, o.key("min"));
        milliseconds_u64(*most, o.key("max"));
        milliseconds_u64(mean as u64, o.key("avg"));
        milliseconds_u64((spread / count as f64).sqrt() as u64, o.key("stddev"));
    });
}

/// Lost probes over sent ones, with two decimals unless it is none or all.
fn loss(lost: usize, sent: usize) -> String {
    match lost {
        0 => "0".to_owned(),
        all if all == sent => "1".to_owned(),
        some => format!("{:.2}", some as f64 / sent as f64),
    }
}
