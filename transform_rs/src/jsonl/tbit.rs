//! Lines for tests of TCP behaviour, with the packets decoded.

use super::field::{addr, hex_string, timeval};
use crate::json::{Object, number, string};
use crate::warts::cursor::Timeval;
use crate::warts::packet::{Ip, Tcp, TcpOption, parse};
use crate::warts::tbit::{NULL_OPTIONS, NULL_RESULTS, Packet, Tbit, result_name, type_name};

const SENT: u8 = 1;
const RECEIVED: u8 = 2;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// First sequence numbers, which the others are told relative to.
#[derive(Default)]
struct Isn {
    client: Option<u32>,
    server: Option<u32>,
}

/// Append a line for `tbit`.
pub fn write(tbit: &Tbit<'_>, out: &mut Vec<u8>) {
    let isn = Isn::of(tbit);
    let mut o = Object::begin(out);
    o.string("type", "tbit");
    match type_name(tbit.kind) {
        Some(name) => o.string("tbit_type", name),
        None => o.string("tbit_type", tbit.kind.to_string()),
    };
    o.number("userid", tbit.user_id);
    addr("src", tbit.src, &mut o);
    addr("dst", tbit.dst, &mut o);
    o.number("sport", tbit.sport).number("dport", tbit.dport);
    timeval("start", tbit.start.unwrap_or_default(), &mut o);
    o.number("client_mss", tbit.client_mss).number("server_mss", tbit.server_mss);
    o.number("ttl", tbit.ttl.unwrap_or(255));
    match result_name(tbit.result) {
        Some(name) => o.string("result", name),
        None => o.string("result", tbit.result.to_string()),
    };
    if tbit.wscale != 0 {
        o.number("wscale", tbit.wscale);
    }
    if !tbit.fo_cookie.is_empty() {
        hex_string("fo_cookie", tbit.fo_cookie, &mut o);
    }
    if let Some(isn) = isn.client {
        o.number("client_isn", isn);
    }
    if let Some(isn) = isn.server {
        o.number("server_isn", isn);
    }
    options(tbit, &mut o);
    if tbit.app == 1 {
        o.string("app", "http");
        if let Some((host, path)) = tbit.http {
            o.string("http_url", [b"http://", host, path].concat());
        }
    }
    let start = tbit.start.unwrap_or_default();
    o.array("pkts", &tbit.packets, |p, out| packet(p, start, &isn, out));
    o.end();
    out.push(b'\n');
}

impl Isn {
    fn of(tbit: &Tbit<'_>) -> Self {
        let mut isn = Self::default();
        for packet in &tbit.packets {
            let Some(tcp) = parse(packet.bytes).and_then(|ip| ip.tcp) else {
                continue;
            };
            if tcp.flags & SYN != 0 && packet.direction == SENT {
                isn.client.get_or_insert(tcp.seq);
            } else if tcp.flags & (SYN | ACK) == SYN | ACK {
                isn.server.get_or_insert(tcp.seq);
            }
        }
        isn
    }
}

fn options(tbit: &Tbit<'_>, o: &mut Object<'_>) {
    let told = &tbit.options;
    match tbit.kind {
        1 => {
            o.number("mtu", told.mtu).number("ptb_retx", told.ptb_retx);
            addr("ptbsrc", told.ptb_src, o);
            bits("pmtud_options", u16::from(told.pmtud), &[(1, "blackhole")], o);
        }
        3 => {
            bits("null_options", told.null, &NULL_OPTIONS, o);
            bits("null_results", told.null_results, &NULL_RESULTS, o);
        }
        7..=10 => {
            o.number("blind_off", told.blind_offset).number("blind_retx", told.blind_retx);
        }
        _ => {}
    }
}

/// Names of the bits that are set; a bit without name is a number.
fn bits(key: &str, value: u16, names: &[(u16, &str)], o: &mut Object<'_>) {
    let set = (0..16).map(|bit| 1_u16 << bit).filter(|bit| value & bit != 0);
    o.array(key, set, |bit, out| match names.iter().find(|(known, _)| *known == bit) {
        Some((_, name)) => string(name.as_bytes(), out),
        None => number(bit, out),
    });
}

fn packet(packet: &Packet<'_>, start: Timeval, isn: &Isn, out: &mut Vec<u8>) {
    let mut o = Object::begin(out);
    match packet.direction {
        SENT => o.string("dir", "tx"),
        RECEIVED => o.string("dir", "rx"),
        other => o.number("dir", other),
    };
    let after_us = packet.at.micros() - start.micros();
    o.number("tv_sec", after_us.div_euclid(1_000_000));
    o.number("tv_usec", after_us.rem_euclid(1_000_000));
    o.number("len", packet.bytes.len());
    if let Some(ip) = parse(packet.bytes) {
        header(&ip, &mut o);
        if let Some(tcp) = &ip.tcp {
            segment(tcp, packet, isn, &mut o);
        }
    }
    o.end();
}

fn header(ip: &Ip<'_>, o: &mut Object<'_>) {
    o.number("ip_hlen", ip.header_len).number("ip_ecn", ip.ecn).number("ip_ttl", ip.ttl);
    if let Some(fragment) = ip.fragment {
        o.number("frag_id", fragment.id).number("frag_off", fragment.offset);
        o.number("frag_mf", u8::from(fragment.more));
        if fragment.dont.is_some() {
            // scamper 20211212 prints 0 for packets with the bit, too.
            o.number("frag_df", 0);
        }
    }
}

const FLAGS: [&str; 8] = ["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr"];

fn segment(tcp: &Tcp<'_>, packet: &Packet<'_>, isn: &Isn, o: &mut Object<'_>) {
    let (own, other) = match packet.direction {
        SENT => (isn.client, isn.server),
        _ => (isn.server, isn.client),
    };
    let (own, other) = (own.unwrap_or(0), other.unwrap_or(0));
    o.number("tcp_hlen", tcp.header_len);
    let set = FLAGS.iter().enumerate().filter(|(bit, _)| tcp.flags >> bit & 1 == 1);
    o.array("tcp_flags", set, |(_, name), out| string(name.as_bytes(), out));
    o.array("tcp_options", tcp.options().filter(is_told), |it, out| option(&it, other, out));
    o.number("tcp_seq", tcp.seq.wrapping_sub(own));
    if tcp.flags & ACK != 0 {
        o.number("tcp_ack", tcp.ack.wrapping_sub(other));
    }
    o.number("tcp_datalen", tcp.data_len).number("tcp_win", tcp.window);
}

/// scamper's tool passes over the maximum segment size, which the line has already.
fn is_told(option: &TcpOption<'_>) -> bool {
    !matches!(option, TcpOption::Other)
}

fn option(option: &TcpOption<'_>, isn: u32, out: &mut Vec<u8>) {
    let mut o = Object::begin(out);
    match option {
        TcpOption::Nop => o.string("kind", "nop"),
        TcpOption::Wscale(shift) => o.string("kind", "wscale").number("shift", *shift),
        TcpOption::SackOk => o.string("kind", "sack-ok"),
        TcpOption::Timestamps(val, ecr) => {
            o.string("kind", "ts").number("val", *val).number("ecr", *ecr)
        }
        TcpOption::Sack(blocks) => {
            o.string("kind", "sack").array("blocks", blocks, |(left, right), out| {
                let mut o = Object::begin(out);
                o.number("left", left.wrapping_sub(isn)).number("right", right.wrapping_sub(isn));
                o.end();
            })
        }
        TcpOption::FastOpen(kind, cookie) => {
            o.string("kind", *kind);
            hex_string("cookie", cookie, &mut o);
            &mut o
        }
        TcpOption::Other => &mut o,
    };
    o.end();
}
