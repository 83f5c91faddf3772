//! Reads the tables of a folder side by side and makes records of their rows, in file order.

use std::collections::BTreeMap;
use std::path::Path;

use super::hops::Hops;
use super::table::Table;
use super::trace;
use crate::convert::{other_tables, reply_table, trace_table};
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
    block: Block,
    input: Option<i64>,
    /// Lists of the current segment, by number, name and monitor.
    lists: BTreeMap<ListKey, u32>,
    /// Cycles of the current segment, by list and number; the flag says that it is not over.
    open: BTreeMap<(u32, u32), (u32, bool)>,
    cycles_begun: u32,
}

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
        let cycles = first("cycles.parquet", other_tables::cycle_fields())?;
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
        let (trace, cycle) = (place(&self.traces)?, place(&self.cycles)?);
        match (trace, cycle) {
            (None, None) => Ok(None),
            (Some(trace), cycle) if cycle.is_none_or(|cycle| trace < cycle) => {
                self.take_trace(trace.0, out)?;
                Ok(Some(trace.1))
            }
            (_, Some(cycle)) => {
                self.take_cycle(cycle.0, out)?;
                Ok(Some(cycle.1))
            }
            (Some(_), None) => Ok(None),
        }
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

    fn take_trace(&mut self, input: i64, out: &mut Vec<u8>) -> Result<()> {
        self.follow(input);
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
        let list = self.list(&traces, out)?;
        let cycle = traces.int::<u32>("cycle_id")?.and_then(|id| self.open.get(&(list, id)));
        let cycle = cycle.map_or(0, |(number, _)| *number);
        record(Kind::TRACE, out, |out| trace::put(&traces, (list, cycle), &hops, out))?;
        self.traces = traces.advance()?.then_some(traces);
        Ok(())
    }

    fn take_cycle(&mut self, input: i64, out: &mut Vec<u8>) -> Result<()> {
        self.follow(input);
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
