//! Records of tests of TCP behaviour (type 11).
//!
//! No specification is published; the layout is as observed in files of scamper 20211212 and in
//! what its tools print for records built by hand.

use super::addr::{Addr, AddrTable};
use super::cursor::{Cursor, Decoded, Fault, Params, Timeval};
use super::other::Common;

/// A test of how a host's TCP behaves.
#[derive(Debug, Default, Clone)]
pub struct Tbit<'a> {
    /// The list's number in the file; 0 is none.
    pub list_id: u32,
    /// The cycle's number in the file; 0 is none.
    pub cycle_id: u32,
    /// Number that the user gave.
    pub user_id: u32,
    /// Source address.
    pub src: Option<Addr>,
    /// Destination address.
    pub dst: Option<Addr>,
    /// Source port.
    pub sport: u16,
    /// Destination port.
    pub dport: u16,
    /// When testing began.
    pub start: Option<Timeval>,
    /// Outcome: see [`result_name`].
    pub result: u16,
    /// Test: see [`type_name`].
    pub kind: u8,
    /// What asked: 1 is HTTP.
    pub app: u8,
    /// Own maximum segment size, bytes.
    pub client_mss: u16,
    /// The host's maximum segment size, bytes.
    pub server_mss: u16,
    /// Fast-open cookie.
    pub fo_cookie: &'a [u8],
    /// Own window scale.
    pub wscale: u8,
    /// TTL of packets.
    pub ttl: Option<u8>,
    /// What the test was told.
    pub options: Options,
    /// Host and path that HTTP asked for.
    pub http: Option<(&'a [u8], &'a [u8])>,
    /// Packets, in order.
    pub packets: Vec<Packet<'a>>,
}

/// What a test was told; each uses some of these.
#[derive(Debug, Default, Clone, Copy)]
pub struct Options {
    /// Path-MTU test: the MTU pretended, bytes.
    pub mtu: u16,
    /// Path-MTU test: "packet too big" sent again at most.
    pub ptb_retx: u8,
    /// Path-MTU test: flags; bit 0 is "black hole".
    pub pmtud: u8,
    /// Path-MTU test: who "packet too big" comes from.
    pub ptb_src: Option<Addr>,
    /// Plain test: options asked for: see [`NULL_OPTIONS`].
    pub null: u16,
    /// Plain test: options that worked: see [`NULL_RESULTS`].
    pub null_results: u16,
    /// Blind attack: distance from the window, bytes.
    pub blind_offset: i32,
    /// Blind attack: packets sent again at most.
    pub blind_retx: u8,
}

/// A packet.
#[derive(Debug, Default, Clone, Copy)]
pub struct Packet<'a> {
    /// 1 sent, 2 received.
    pub direction: u8,
    /// When.
    pub at: Timeval,
    /// Its bytes from the IP header on.
    pub bytes: &'a [u8],
}

const TYPE_DATA: u16 = 1;
const APP_DATA: u16 = 2;

impl<'a> Tbit<'a> {
    /// Decode the record with this body.
    ///
    /// # Errors
    /// A [`Fault`] if the record contradicts itself.
    pub fn decode(body: &'a [u8]) -> Decoded<Self> {
        let mut from = Cursor::new(body);
        let mut table = AddrTable::default();
        let (mut record, count) = Self::params(from.params()?, &mut table)?;
        if count as usize > from.remaining() {
            return Err(Fault::Short);
        }
        for _ in 0..count {
            let mut p = from.params()?;
            let direction = p.get(1, Cursor::u8)?.unwrap_or(0);
            let at = p.get(2, Cursor::timeval)?.unwrap_or_default();
            let len = p.get(3, Cursor::u16)?.unwrap_or(0);
            let bytes = p.get(4, |c| c.take(usize::from(len)))?.unwrap_or_default();
            record.packets.push(Packet { direction, at, bytes });
        }
        while from.remaining() >= 2 {
            let kind = from.u16()?;
            if kind == 0 {
                break;
            }
            let len = from.u32()? as usize;
            let mut part = Cursor::new(from.take(len)?);
            match kind {
                TYPE_DATA => record.options = options(record.kind, part.params()?, &mut table)?,
                APP_DATA => {
                    let mut p = part.params()?;
                    let host = p.get(1, Cursor::string)?.unwrap_or_default();
                    record.http = Some((host, p.get(2, Cursor::string)?.unwrap_or_default()));
                }
                _ => {}
            }
        }
        Ok(record)
    }

    fn params(mut p: Params<'a>, table: &mut AddrTable) -> Decoded<(Self, u32)> {
        let Common { list_id, cycle_id, user_id } = Common::read(&mut p)?;
        let mut record = Self {
            list_id,
            cycle_id,
            user_id: user_id.unwrap_or(0),
            src: p.get(4, |c| c.addr(table))?,
            dst: p.get(5, |c| c.addr(table))?,
            sport: p.get(6, Cursor::u16)?.unwrap_or(0),
            dport: p.get(7, Cursor::u16)?.unwrap_or(0),
            start: p.get(8, Cursor::timeval)?,
            result: p.get(9, Cursor::u16)?.unwrap_or(0),
            kind: p.get(10, Cursor::u8)?.unwrap_or(0),
            app: p.get(11, Cursor::u8)?.unwrap_or(0),
            client_mss: p.get(12, Cursor::u16)?.unwrap_or(0),
            server_mss: p.get(13, Cursor::u16)?.unwrap_or(0),
            ..Self::default()
        };
        // How often SYN and data were sent again; scamper's tools do not print these.
        p.get(14, Cursor::u8)?;
        p.get(15, Cursor::u8)?;
        let few = p.get(16, Cursor::u16)?.map(u32::from);
        let count = p.get(17, Cursor::u32)?.or(few).unwrap_or(0);
        record.fo_cookie = p.get(18, cookie)?.unwrap_or_default();
        record.wscale = p.get(19, Cursor::u8)?.unwrap_or(0);
        p.get(20, Cursor::u32)?;
        record.ttl = p.get(21, Cursor::u8)?;
        Ok((record, count))
    }
}

fn cookie<'a>(c: &mut Cursor<'a>) -> Decoded<&'a [u8]> {
    let len = c.u8()?;
    c.take(usize::from(len))
}

fn options(kind: u8, mut p: Params<'_>, table: &mut AddrTable) -> Decoded<Options> {
    let mut o = Options::default();
    match kind {
        1 => {
            o.mtu = p.get(1, Cursor::u16)?.unwrap_or(0);
            o.ptb_retx = p.get(2, Cursor::u8)?.unwrap_or(0);
            o.pmtud = p.get(3, Cursor::u8)?.unwrap_or(0);
            o.ptb_src = p.get(4, |c| c.addr(table))?;
        }
        3 => {
            o.null = p.get(1, Cursor::u16)?.unwrap_or(0);
            o.null_results = p.get(2, Cursor::u16)?.unwrap_or(0);
        }
        7..=10 => {
            o.blind_offset = p.get(1, Cursor::u32)?.unwrap_or(0) as i32;
            o.blind_retx = p.get(2, Cursor::u8)?.unwrap_or(0);
        }
        _ => {}
    }
    Ok(o)
}

/// Bits of [`Options::null`] with their names.
pub const NULL_OPTIONS: [(u16, &str); 6] = [
    (0x01, "tcpts"),
    (0x02, "ipts-syn"),
    (0x04, "iprr-syn"),
    (0x08, "ipqs-syn"),
    (0x10, "sack"),
    (0x20, "fo"),
];

/// Bits of [`Options::null_results`] with their names.
pub const NULL_RESULTS: [(u16, &str); 3] = [(0x01, "tcpts-ok"), (0x02, "sack-ok"), (0x04, "fo-ok")];

/// Name of a test, as scamper's tools print it.
pub fn type_name(kind: u8) -> Option<&'static str> {
    let names = [
        "pmtud",
        "ecn",
        "null",
        "sack-rcvr",
        "icw",
        "abc",
        "blind-data",
        "blind-rst",
        "blind-syn",
        "blind-fin",
    ];
    names.get(usize::from(kind).checked_sub(1)?).copied()
}

/// Name of an outcome, as scamper's tools print it.
pub fn result_name(result: u16) -> Option<&'static str> {
    RESULTS.iter().find(|(number, _)| *number == result).map(|(_, name)| *name)
}

const RESULTS: [(u16, &str); 41] = [
    (0, "none"),
    (1, "tcp-noconn"),
    (2, "tcp-rst"),
    (3, "tcp-error"),
    (4, "sys-error"),
    (5, "aborted"),
    (6, "tcp-noconn-rst"),
    (7, "halted"),
    (8, "tcp-badopt"),
    (9, "tcp-fin"),
    (10, "tcp-zerowin"),
    (20, "pmtud-noack"),
    (21, "pmtud-nodata"),
    (22, "pmtud-toosmall"),
    (23, "pmtud-nodf"),
    (24, "pmtud-fail"),
    (25, "pmtud-success"),
    (26, "pmtud-cleardf"),
    (30, "ecn-success"),
    (31, "ecn-incapable"),
    (32, "ecn-badsynack"),
    (33, "ecn-noece"),
    (34, "ecn-noack"),
    (35, "ecn-nodata"),
    (40, "null-success"),
    (41, "null-nodata"),
    (50, "sack-incapable"),
    (51, "sack-rcvr-success"),
    (52, "sack-rcvr-shifted"),
    (53, "sack-rcvr-timeout"),
    (54, "sack-rcvr-nosack"),
    (60, "icw-success"),
    (61, "icw-tooshort"),
    (70, "abc-success"),
    (71, "abc-tooshort"),
    (72, "abc-badicw"),
    (80, "blind-accepted"),
    (81, "blind-challenge"),
    (82, "blind-ignored"),
    (83, "blind-rst"),
    (84, "blind-synnew"),
];
