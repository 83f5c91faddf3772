//! What records refer to by number: lists, cycles, and the addresses of old files.

use std::collections::BTreeMap;

use super::addr::Addr;
use super::cursor::{Cursor, Decoded, Fault};
use super::kind::Kind;

/// A named set of targets (type 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct List {
    /// The user's number of the list.
    pub list_id: u32,
    /// Name.
    pub name: Vec<u8>,
    /// Description.
    pub descr: Option<Vec<u8>>,
    /// The vantage point's name.
    pub monitor: Option<Vec<u8>>,
}

/// A pass over a list (types 2 and 3).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    /// The list's number in the file.
    pub list: u32,
    /// The user's number of the cycle.
    pub cycle_id: u32,
    /// Beginning, seconds since 1970.
    pub started_at: u32,
    /// End, seconds since 1970; known only when the pass is complete.
    pub stopped_at: Option<u32>,
    /// The vantage point's host name.
    pub hostname: Option<Vec<u8>>,
}

/// A cycle-stop record (type 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CycleStop {
    /// The cycle's number in the file.
    pub cycle: u32,
    /// End, seconds since 1970.
    pub stopped_at: u32,
}

/// The numbered things of one segment (a file as it was written; `cat` joins several).
#[derive(Debug, Clone, Default)]
pub struct Tables {
    lists: BTreeMap<u32, List>,
    cycles: BTreeMap<u32, Cycle>,
    addresses: Vec<Addr>,
}

/// A record that changes the tables, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A list under this number.
    List(u32, List),
    /// A cycle under this number.
    Cycle(u32, Cycle),
    /// A cycle is complete.
    Stop(CycleStop),
    /// An old file's address; the byte is its number modulo 255.
    Address(u8, Addr),
}

impl Entry {
    /// Decode a record of types 1 to 5.
    ///
    /// # Errors
    /// A [`Fault`] if the record is too short for its fields.
    pub fn decode(kind: Kind, body: &[u8]) -> Decoded<Self> {
        let mut c = Cursor::new(body);
        match kind {
            Kind::LIST => decode_list(&mut c),
            Kind::CYCLE_STOP => Ok(Self::Stop(CycleStop { cycle: c.u32()?, stopped_at: c.u32()? })),
            Kind::ADDRESS => decode_address(&mut c),
            _ => decode_cycle(&mut c),
        }
    }
}

fn decode_list(c: &mut Cursor<'_>) -> Decoded<Entry> {
    let id = c.u32()?;
    let list_id = c.u32()?;
    let name = c.string()?.to_vec();
    let mut p = c.params()?;
    let descr = p.get(1, Cursor::string)?.map(<[u8]>::to_vec);
    let monitor = p.get(2, Cursor::string)?.map(<[u8]>::to_vec);
    Ok(Entry::List(id, List { list_id, name, descr, monitor }))
}

fn decode_cycle(c: &mut Cursor<'_>) -> Decoded<Entry> {
    let id = c.u32()?;
    let list = c.u32()?;
    let cycle_id = c.u32()?;
    let started_at = c.u32()?;
    let mut p = c.params()?;
    let stopped_at = p.get(1, Cursor::u32)?;
    let hostname = p.get(2, Cursor::string)?.map(<[u8]>::to_vec);
    let cycle = Cycle { list, cycle_id, started_at, stopped_at, hostname };
    Ok(Entry::Cycle(id, cycle))
}

fn decode_address(c: &mut Cursor<'_>) -> Decoded<Entry> {
    let check = c.u8()?;
    let kind = c.u8()?;
    let rest = c.remaining();
    Ok(Entry::Address(check, Addr::from_wire(kind, c.take(rest)?)?))
}

impl Tables {
    /// Does `entry` begin another segment: a number of this segment comes again?
    pub fn is_restarted_by(&self, entry: &Entry) -> bool {
        match entry {
            Entry::List(id, _) => self.lists.contains_key(id),
            Entry::Cycle(id, _) => self.cycles.contains_key(id),
            Entry::Stop(_) | Entry::Address(..) => false,
        }
    }

    /// Note `entry`.
    ///
    /// # Errors
    /// [`Fault::AddressId`] if an address's check byte is not its number's.
    pub fn apply(&mut self, entry: Entry) -> Decoded<()> {
        match entry {
            Entry::List(id, list) => {
                self.lists.insert(id, list);
            }
            Entry::Cycle(id, cycle) => {
                self.cycles.insert(id, cycle);
            }
            Entry::Stop(stop) => {
                if let Some(cycle) = self.cycles.get_mut(&stop.cycle) {
                    cycle.stopped_at = Some(stop.stopped_at);
                }
            }
            Entry::Address(check, addr) => {
                let id = self.addresses.len() + 1;
                if usize::from(check) != id % 255 {
                    return Err(Fault::AddressId);
                }
                self.addresses.push(addr);
            }
        }
        Ok(())
    }

    /// The list under number `id` of the segment.
    pub fn list(&self, id: u32) -> Option<&List> {
        self.lists.get(&id)
    }

    /// The cycle under number `id` of the segment.
    pub fn cycle(&self, id: u32) -> Option<&Cycle> {
        self.cycles.get(&id)
    }

    /// All cycles, in order of number.
    pub fn cycles(&self) -> impl Iterator<Item = &Cycle> {
        self.cycles.values()
    }

    /// The old-style address with number `id`; 0 is none.
    ///
    /// # Errors
    /// [`Fault::AddressId`] if the file has not defined it.
    pub fn address(&self, id: u32) -> Decoded<Option<Addr>> {
        let Some(index) = (id as usize).checked_sub(1) else {
            return Ok(None);
        };
        let found = self.addresses.get(index).copied();
        found.map(Some).ok_or(Fault::AddressId)
    }

    /// The vantage point that made a record: the list's monitor, else the cycle's host name.
    pub fn vantage_point(&self, list: u32, cycle: u32) -> Option<&[u8]> {
        let monitor = self.list(list).and_then(|list| list.monitor.as_deref());
        let hostname = || self.cycle(cycle).and_then(|cycle| cycle.hostname.as_deref());
        monitor.or_else(hostname).filter(|name| !name.is_empty())
    }
}
