//! Reads the tables of a folder side by side and makes records of their rows, in file order.
//!
//! Traces and cycles are made of their columns; a ping, alias test, multipath trace or TCP test of
//! the record that its row keeps, with the list and cycle of its row.

use std::collections::BTreeMap;
use std::path::Path;

use super::hops::Hops;
use super::table::Table;
use super::trace;
use crate::convert::other_tables::fields_of;
use crate::convert::{reply_table, trace_table};
use crate::error::{Error, Result};
use crate::input::{Packing, Seen};
use crate::warts::encode::{Block, TooLong, record};
use crate::warts::kind::Kind;

/// A folder of tables.
pub struct Folder {
    path: String,
    size_bytes: u64,
    traces: Option<Table>,
    replies: Option<Table>,
    cycles: Option<Table>,
    kept: [(Kind, Option<Table>); KEPT.len()],
    block: Block,
    input: Option<i64>,
    /// Lists of the current segment, by number, name and monitor.
    lists: BTreeMap<ListKey, u32>,
    /// Cycles of the current segment, by list and number; the flag says that it is not over.
    open: BTreeMap<(u32, u32), (u32, bool)>,
    cycles_begun: u32,
}

/// Tables whose rows keep their record.
const KEPT: [(Kind, &str); 4] = [
    (Kind::PING, "pings"),
    (Kind::DEALIAS, "dealias"),
    (Kind::TRACELB, "tracelb"),
    (Kind::TBIT, "tbit"),
];

type ListKey = (u32, Vec<u8>, Option<Vec<u8>>);

impl Folder {
    /// Open the tables in the folder at `path`.
    ///
    /// # Errors
    /// [`Error::Format`] if none is there, or one is broken.
    pub fn open(path: &str) -> Result<Self> {
        let folder = Path::new(path);
        let mut size_bytes = 0;
        let mut first = |name: &str, fields| {
            let file = folder.join(name);
            size_bytes += std::fs::metadata(&file).map_or(0, |seen| seen.len());
            let Some(mut table) = Table::open(&file, fields)? else {
                return Ok(None);
            };
            Ok::<_, Error>(table.advance()?.then_some(table))
        };
        let traces = first("traces.parquet", &trace_table::FIELDS)?;
        let replies = first("replies.parquet", &reply_table::FIELDS)?;
        let cycles = first("cycles.parquet", fields_of("cycles"))?;
        let mut kept = KEPT.map(|(kind, _)| (kind, None));
        for ((_, table), (_, name)) in kept.iter_mut().zip(KEPT) {
            *table = first(&format!("{name}.parquet"), fields_of(name))?;
        }
        if size_bytes == 0 {
            let reason = "the folder holds no traces.parquet".to_owned();
            return Err(Error::Format { path: path.to_owned(), reason });
        }
        Ok(Self {
            path: path.to_owned(),
            size_bytes,
            traces,
            replies,
            cycles,
            kept,
            block: Block::default(),
            input: None,
            lists: BTreeMap::new(),
            open: BTreeMap::new(),
            cycles_begun: 0,
        })
    }

    /// Append the next record to `out`, with what it refers to; returns the offset that its row
    /// tells, nothing behind the last.
    ///
    /// # Errors
    /// [`Error::Format`] if a table is broken.
    pub fn next(&mut self, out: &mut Vec<u8>) -> Result<Option<u64>> {
        let place = |table: &Option<Table>| {
            let Some(table) = table else {
                return Ok::<_, Error>(None);
            };
            Ok(table.int::<i64>("input")?.zip(table.int::<u64>("record_at")?))
        };
        let mut next: Option<((i64, u64), Source)> = None;
        let mut offer = |table: &Option<Table>, source| {
            if let Some(at) = place(table)?
                && next.is_none_or(|(least, _)| at < least)
            {
                next = Some((at, source));
            }
            Ok::<_, Error>(())
        };
        offer(&self.cycles, Source::Cycles)?;
        offer(&self.traces, Source::Traces)?;
        for (i, (_, table)) in self.kept.iter().enumerate() {
            offer(table, Source::Kept(i))?;
        }
        let Some(((input, at), source)) = next else {
            return Ok(None);
        };
        self.follow(input);
        match source {
            Source::Traces => self.take_trace(out)?,
            Source::Cycles => self.take_cycle(out)?,
            Source::Kept(i) => self.take_kept(i, out)?,
        }
        Ok(Some(at))
    }

    /// What was read, for the report.
    pub fn close(self) -> Seen {
        let packing = Packing::Parquet;
        Seen { path: self.path, packing, size_bytes: self.size_bytes, sha256: None }
    }

    /// Numbers of lists and cycles begin anew where another input began.
    fn follow(&mut self, input: i64) {
        if self.input.replace(input) != Some(input) {
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.lists.clear();
        self.open.clear();
        self.cycles_begun = 0;
    }

    fn take_trace(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let Some(mut traces) = self.traces.take() else {
            return Ok(());
        };
        let id = traces.int::<i64>("trace_id")?;
        let mut hops = Hops::default();
        while let Some(replies) = &mut self.replies
            && replies.int::<i64>("trace_id")? <= id
        {
            if replies.int::<i64>("trace_id")? == id {
                hops.push(replies, &mut self.block)?;
            }
            if !replies.advance()? {
                self.replies = None;
            }
        }
        let numbers = self.list_and_cycle(&traces, out)?;
        record(Kind::TRACE, out, |out| trace::put(&traces, numbers, &hops, out))?;
        self.traces = traces.advance()?.then_some(traces);
        Ok(())
    }

    fn take_kept(&mut self, i: usize, out: &mut Vec<u8>) -> Result<()> {
        let (kind, table) = &mut self.kept[i];
        let kind = *kind;
        let Some(mut table) = table.take() else {
            return Ok(());
        };
        if let Some(body) = table.text("record") {
            let numbers = self.list_and_cycle(&table, out)?;
            record(kind, out, |out| {
                out.extend_from_slice(body);
                let start = out.len() - body.len();
                renumber(&mut out[start..], numbers);
                Ok::<_, Error>(())
            })?;
        }
        self.kept[i].1 = table.advance()?.then_some(table);
        Ok(())
    }

    fn take_cycle(&mut self, out: &mut Vec<u8>) -> Result<()> {
        let Some(mut cycles) = self.cycles.take() else {
            return Ok(());
        };
        let is_stop = cycles.text("event") == Some(b"cycle-stop");
        let id = cycles.int::<u32>("cycle_id")?.unwrap_or(0);
        if is_stop {
            let list = self.list(&cycles, out)?;
            if let Some((number, is_open)) = self.open.get_mut(&(list, id)) {
                *is_open = false;
                let stopped_at = cycles.time("stopped_at")?.unwrap_or_default().sec;
                let numbers = [*number, stopped_at];
                fixed(Kind::CYCLE_STOP, &numbers, None, out)
                    .map_err(|_| cycles.wrong("too long"))?;
            }
        } else {
            if self.open.values().all(|(_, is_open)| !is_open) {
                self.forget();
            }
            let list = self.list(&cycles, out)?;
            self.cycles_begun += 1;
            self.open.insert((list, id), (self.cycles_begun, true));
            let started_at = cycles.time("started_at")?.unwrap_or_default().sec;
            let is_def = cycles.text("event") == Some(b"cycle-def");
            let kind = if is_def { Kind::CYCLE_DEF } else { Kind::CYCLE_START };
            let numbers = [self.cycles_begun, list, id, started_at];
            let hostname = Some(cycles.text("hostname"));
            fixed(kind, &numbers, hostname, out).map_err(|_| cycles.wrong("too long"))?;
        }
        self.cycles = cycles.advance()?.then_some(cycles);
        Ok(())
    }

    /// The numbers of the list and the cycle of a row; 0 is none.
    fn list_and_cycle(&mut self, row: &Table, out: &mut Vec<u8>) -> Result<(u32, u32)> {
        let list = self.list(row, out)?;
        let cycle = row.int::<u32>("cycle_id")?.and_then(|id| self.open.get(&(list, id)));
        Ok((list, cycle.map_or(0, |(number, _)| *number)))
    }

    /// The number of the list of a row, which is written first if it is new; 0 is none.
    fn list(&mut self, row: &Table, out: &mut Vec<u8>) -> Result<u32> {
        let Some(list_id) = row.int::<u32>("list_id")? else {
            return Ok(0);
        };
        let text = |name| row.text(name).map(<[u8]>::to_vec);
        let key = (list_id, text("list_name").unwrap_or_default(), text("monitor"));
        if let Some(number) = self.lists.get(&key) {
            return Ok(*number);
        }
        let number = self.lists.len() as u32 + 1;
        let put = record(Kind::LIST, out, |out| {
            out.extend_from_slice(&number.to_be_bytes());
            out.extend_from_slice(&list_id.to_be_bytes());
            out.extend(key.1.iter().filter(|byte| **byte != 0));
            out.push(0);
            Block::default().string(2, key.2.as_deref()).end(out)
        });
        put.map_err(|_| row.wrong("more than a record can hold"))?;
        self.lists.insert(key, number);
        Ok(number)
    }
}

/// Where the next record comes from.
#[derive(Debug, Clone, Copy)]
enum Source {
    Traces,
    Cycles,
    Kept(usize),
}

/// Put the numbers of list and cycle, the first two parameters, into the body of a record.
fn renumber(body: &mut [u8], (list, cycle): (u32, u32)) {
    let Some(first) = body.first().copied() else {
        return;
    };
    let flags = body.iter().take_while(|byte| **byte & 0x80 != 0).count() + 1;
    let mut at = flags + 2;
    for (flag, number) in [(1, list), (2, cycle)] {
        if first & flag != 0
            && let Some(place) = body.get_mut(at..at + 4)
        {
            place.copy_from_slice(&number.to_be_bytes());
            at += 4;
        }
    }
}

/// A record of numbers, then perhaps a block with a host name.
fn fixed(
    kind: Kind,
    numbers: &[u32],
    hostname: Option<Option<&[u8]>>,
    out: &mut Vec<u8>,
) -> std::result::Result<(), TooLong> {
    record(kind, out, |out| {
        numbers.iter().for_each(|number| out.extend_from_slice(&number.to_be_bytes()));
        match hostname {
            Some(hostname) => Block::default().string(2, hostname).end(out),
            None => Ok(()),
        }
    })
}
