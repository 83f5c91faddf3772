//! Records of captured packets (type 13).
//!
//! No specification is published; the layout is as observed in files of scamper 20211212.

use super::addr::{Addr, AddrTable};
use super::cursor::{Cursor, Decoded, Fault, Timeval};
use super::other::Common;

/// Packets with one ICMP id, captured on one interface.
#[derive(Debug, Default, Clone)]
pub struct Sniff<'a> {
    /// The list's number in the file; 0 is none.
    pub list_id: u32,
    /// The cycle's number in the file; 0 is none.
    pub cycle_id: u32,
    /// Number that the user gave.
    pub user_id: u32,
    /// Address of the interface.
    pub src: Option<Addr>,
    /// When capturing began.
    pub start: Option<Timeval>,
    /// When it ended.
    pub finish: Option<Timeval>,
    /// Why it ended: see [`result_name`].
    pub result: u8,
    /// Most packets to capture.
    pub limit_packets: u32,
    /// Longest time to capture, seconds.
    pub limit_time_s: u16,
    /// The ICMP id.
    pub icmp_id: u16,
    /// Packets: when they came, and their bytes from the IP header on.
    pub packets: Vec<(Timeval, &'a [u8])>,
}

impl<'a> Sniff<'a> {
    /// Decode the record with this body.
    ///
    /// # Errors
    /// A [`Fault`] if the record contradicts itself.
    pub fn decode(body: &'a [u8]) -> Decoded<Self> {
        let mut from = Cursor::new(body);
        let mut p = from.params()?;
        let Common { list_id, cycle_id, user_id } = Common::read(&mut p)?;
        let mut record = Self {
            list_id,
            cycle_id,
            user_id: user_id.unwrap_or(0),
            src: p.get(4, |c| c.addr(&mut AddrTable::default()))?,
            start: p.get(5, Cursor::timeval)?,
            finish: p.get(6, Cursor::timeval)?,
            result: p.get(7, Cursor::u8)?.unwrap_or(0),
            limit_packets: p.get(8, Cursor::u32)?.unwrap_or(0),
            limit_time_s: p.get(9, Cursor::u16)?.unwrap_or(0),
            ..Self::default()
        };
        let count = p.get(10, Cursor::u32)?.unwrap_or(0);
        record.icmp_id = p.get(11, Cursor::u16)?.unwrap_or(0);
        if count as usize > from.remaining() {
            return Err(Fault::Short);
        }
        for _ in 0..count {
            let mut p = from.params()?;
            let at = p.get(1, Cursor::timeval)?.unwrap_or_default();
            let len = p.get(2, Cursor::u16)?.unwrap_or(0);
            let bytes = p.get(3, |c| c.take(usize::from(len)))?.unwrap_or_default();
            record.packets.push((at, bytes));
        }
        Ok(record)
    }
}

/// Name of an outcome, as scamper's tools print it.
pub fn result_name(result: u8) -> Option<&'static str> {
    ["none", "error", "limit-time", "limit-pktc", "halted"].get(usize::from(result)).copied()
}
