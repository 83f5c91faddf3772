//! Records of name lookups (type 14).
//!
//! No specification is published; the layout is as observed in files of scamper 20211212.

use super::addr::{Addr, AddrTable};
use super::cursor::{Cursor, Decoded, Fault, Timeval};
use super::other::Common;

/// A lookup.
#[derive(Debug, Default, Clone)]
pub struct Host<'a> {
    /// The list's number in the file; 0 is none.
    pub list_id: u32,
    /// The cycle's number in the file; 0 is none.
    pub cycle_id: u32,
    /// Number that the user gave.
    pub user_id: u32,
    /// Source address.
    pub src: Option<Addr>,
    /// The name server.
    pub dst: Option<Addr>,
    /// When the lookup began.
    pub start: Option<Timeval>,
    /// Flags; bit 0 is "no recursion".
    pub flags: u16,
    /// Wait for an answer, milliseconds.
    pub wait_ms: u16,
    /// Why it ended: see [`stop_name`].
    pub stop: u8,
    /// Questions again after silence.
    pub retries: u8,
    /// Type asked for: see [`type_name`].
    pub qtype: u16,
    /// Class asked for; 1 is IN.
    pub qclass: u16,
    /// The name asked for.
    pub qname: Option<&'a [u8]>,
    /// Questions, in order of sending.
    pub queries: Vec<Query<'a>>,
}

/// A question, with what was answered.
#[derive(Debug, Default, Clone)]
pub struct Query<'a> {
    /// When it was sent.
    pub tx: Timeval,
    /// When the answer came; seconds 0 is never.
    pub rx: Timeval,
    /// Its id.
    pub id: u16,
    /// Resource records: the answer's, then the authority's, then additional ones.
    pub records: Vec<Resource<'a>>,
}

/// Where in an answer a resource record stood.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Section {
    /// The answer.
    #[default]
    Answer,
    /// The authority.
    Authority,
    /// Additional.
    Additional,
}

/// A resource record.
#[derive(Debug, Default, Clone, Copy)]
pub struct Resource<'a> {
    /// Where it stood.
    pub section: Section,
    /// Class; 1 is IN.
    pub class: u16,
    /// Type: see [`type_name`].
    pub kind: u16,
    /// The name that it is about.
    pub name: Option<&'a [u8]>,
    /// Seconds it may be kept.
    pub ttl_s: u32,
    /// What it says.
    pub data: Data<'a>,
}

/// What a resource record says.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Data<'a> {
    /// Nothing that this program can read.
    #[default]
    Unknown,
    /// An address.
    Addr(Addr),
    /// A name.
    Name(&'a [u8]),
    /// A mail exchange and its preference.
    Mx(u16, &'a [u8]),
}

impl<'a> Host<'a> {
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
            src: p.get(4, |c| c.addr(&mut table))?,
            dst: p.get(5, |c| c.addr(&mut table))?,
            start: p.get(6, Cursor::timeval)?,
            flags: p.get(7, Cursor::u16)?.unwrap_or(0),
            wait_ms: p.get(8, Cursor::u16)?.unwrap_or(0),
            stop: p.get(9, Cursor::u8)?.unwrap_or(0),
            retries: p.get(10, Cursor::u8)?.unwrap_or(0),
            qtype: p.get(11, Cursor::u16)?.unwrap_or(0),
            qclass: p.get(12, Cursor::u16)?.unwrap_or(0),
            qname: p.get(13, Cursor::string)?,
            queries: Vec::new(),
        };
        let count = p.get(14, Cursor::u8)?.unwrap_or(0);
        for _ in 0..count {
            record.queries.push(query(&mut from, &mut table)?);
        }
        Ok(record)
    }
}

fn query<'a>(from: &mut Cursor<'a>, table: &mut AddrTable) -> Decoded<Query<'a>> {
    let mut p = from.params()?;
    let mut query = Query {
        tx: p.get(1, Cursor::timeval)?.unwrap_or_default(),
        rx: p.get(2, Cursor::timeval)?.unwrap_or_default(),
        id: p.get(3, Cursor::u16)?.unwrap_or(0),
        records: Vec::new(),
    };
    for (flag, section) in [(4, Section::Answer), (5, Section::Authority), (6, Section::Additional)]
    {
        let count = p.get(flag, Cursor::u16)?.unwrap_or(0);
        if usize::from(count) > from.remaining() {
            return Err(Fault::Short);
        }
        for _ in 0..count {
            query.records.push(resource(from, table, section)?);
        }
    }
    Ok(query)
}

fn resource<'a>(
    from: &mut Cursor<'a>,
    table: &mut AddrTable,
    section: Section,
) -> Decoded<Resource<'a>> {
    let mut p = from.params()?;
    Ok(Resource {
        section,
        class: p.get(1, Cursor::u16)?.unwrap_or(0),
        kind: p.get(2, Cursor::u16)?.unwrap_or(0),
        name: p.get(3, Cursor::string)?,
        ttl_s: p.get(4, Cursor::u32)?.unwrap_or(0),
        data: p.get(5, |c| data(c, table))?.unwrap_or_default(),
    })
}

/// A number that tells the kind, then the data: 1 an address, 2 a name, 4 a mail exchange.
fn data<'a>(c: &mut Cursor<'a>, table: &mut AddrTable) -> Decoded<Data<'a>> {
    Ok(match c.u16()? {
        1 => Data::Addr(c.addr(table)?),
        2 => Data::Name(c.string()?),
        4 => {
            let mut p = c.params()?;
            let preference = p.get(1, Cursor::u16)?.unwrap_or(0);
            Data::Mx(preference, p.get(2, Cursor::string)?.unwrap_or_default())
        }
        _ => Data::Unknown,
    })
}

/// Name of a reason to stop, as scamper's tools print it.
pub fn stop_name(stop: u8) -> Option<&'static str> {
    ["none", "done", "timeout", "halted", "error"].get(usize::from(stop)).copied()
}

/// Name of a type of resource record (IANA's registry "DNS Parameters").
pub fn type_name(kind: u16) -> Option<&'static str> {
    Some(match kind {
        1 => "A",
        2 => "NS",
        5 => "CNAME",
        6 => "SOA",
        12 => "PTR",
        15 => "MX",
        16 => "TXT",
        28 => "AAAA",
        43 => "DS",
        46 => "RRSIG",
        47 => "NSEC",
        48 => "DNSKEY",
        _ => return None,
    })
}
