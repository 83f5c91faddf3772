//! Records of ARP and neighbour solicitation (type 10).
//!
//! No specification is published; the layout is as observed in files of scamper 20211212. That
//! version claims two bytes too many for each probe's block and adds them at the end, so its own
//! tools cannot read these files: here a probe ends behind its parameters.

use super::addr::{Addr, AddrTable};
use super::cursor::{Cursor, Decoded, Fault, Timeval};
use super::other::Common;

/// A question for the link-layer address of a neighbour.
#[derive(Debug, Default, Clone)]
pub struct Neighbourdisc<'a> {
    /// The list's number in the file; 0 is none.
    pub list_id: u32,
    /// The cycle's number in the file; 0 is none.
    pub cycle_id: u32,
    /// Number that the user gave.
    pub user_id: u32,
    /// Interface that was asked on.
    pub ifname: Option<&'a [u8]>,
    /// When asking began.
    pub start: Option<Timeval>,
    /// 1 ARP, 2 neighbour solicitation.
    pub method: u8,
    /// Wait for an answer, milliseconds.
    pub wait_ms: u16,
    /// Flags of the record.
    pub flags: u8,
    /// Questions before giving up.
    pub attempts: u16,
    /// Answers asked for.
    pub reply_count: u16,
    /// Own address.
    pub src: Option<Addr>,
    /// Own link-layer address.
    pub src_mac: Option<Addr>,
    /// The address that was asked for.
    pub dst: Option<Addr>,
    /// Its link-layer address, if it answered.
    pub dst_mac: Option<Addr>,
    /// Questions, in order of sending.
    pub probes: Vec<Probe>,
}

/// A question.
#[derive(Debug, Default, Clone)]
pub struct Probe {
    /// When it was sent.
    pub tx: Timeval,
    /// Answers: when they came, and the address they told.
    pub replies: Vec<(Timeval, Option<Addr>)>,
}

impl<'a> Neighbourdisc<'a> {
    /// Decode the record with this body.
    ///
    /// # Errors
    /// A [`Fault`] if the record contradicts itself.
    pub fn decode(body: &'a [u8]) -> Decoded<Self> {
        let mut from = Cursor::new(body);
        let mut table = AddrTable::default();
        let mut p = from.params()?;
        let Common { list_id, cycle_id, user_id } = Common::read(&mut p)?;
        let mut record = Self {
            list_id,
            cycle_id,
            user_id: user_id.unwrap_or(0),
            ifname: p.get(4, Cursor::string)?,
            start: p.get(5, Cursor::timeval)?,
            method: p.get(6, Cursor::u8)?.unwrap_or(0),
            wait_ms: p.get(7, Cursor::u16)?.unwrap_or(0),
            flags: p.get(8, Cursor::u8)?.unwrap_or(0),
            attempts: p.get(9, Cursor::u16)?.unwrap_or(0),
            reply_count: p.get(10, Cursor::u16)?.unwrap_or(0),
            src: p.get(11, |c| c.addr(&mut table))?,
            src_mac: p.get(12, |c| c.addr(&mut table))?,
            dst: p.get(13, |c| c.addr(&mut table))?,
            dst_mac: p.get(14, |c| c.addr(&mut table))?,
            probes: Vec::new(),
        };
        let count = p.get(15, Cursor::u16)?.unwrap_or(0);
        if usize::from(count) > from.remaining() {
            return Err(Fault::Short);
        }
        for _ in 0..count {
            record.probes.push(probe(&mut from, &mut table)?);
        }
        Ok(record)
    }
}

/// Parameter 1 is the time, 2 the number of answers.
const KNOWN: u8 = 0b11;

fn probe(from: &mut Cursor<'_>, table: &mut AddrTable) -> Decoded<Probe> {
    let mut ahead = *from;
    let flags = ahead.u8()?;
    if flags & !KNOWN != 0 || flags == 0 {
        // A later version: its length must be right.
        let mut p = from.params()?;
        let tx = p.get(1, Cursor::timeval)?.unwrap_or_default();
        let count = p.get(2, Cursor::u16)?.unwrap_or(0);
        return Ok(Probe { tx, replies: replies(from, table, count)? });
    }
    ahead.u16()?;
    let tx = if flags & 1 != 0 { ahead.timeval()? } else { Timeval::default() };
    let count = if flags & 2 != 0 { ahead.u16()? } else { 0 };
    *from = ahead;
    Ok(Probe { tx, replies: replies(from, table, count)? })
}

fn replies(
    from: &mut Cursor<'_>,
    table: &mut AddrTable,
    count: u16,
) -> Decoded<Vec<(Timeval, Option<Addr>)>> {
    let reply = |_| {
        let mut p = from.params()?;
        let rx = p.get(1, Cursor::timeval)?.unwrap_or_default();
        Ok((rx, p.get(2, |c| c.addr(table))?))
    };
    (0..count).map(reply).collect()
}

/// Name of a method number.
pub fn method_name(method: u8) -> Option<&'static str> {
    ["arp", "nd-nsol"].get(usize::from(method).checked_sub(1)?).copied()
}
