//! From records to Parquet tables.

use std::path::Path as FilePath;

use super::row::Row;
use super::{other_tables, reply_table, trace_table};
use crate::cut::{Batch, Cutter};
use crate::decode::{Place, Visitor, visit};
use crate::error::{Error, Result};
use crate::links::path::Path;
use crate::output::{Sealed, Written};
use crate::parquet::column::{Field, Type};
use crate::parquet::file::{RowGroup, plan};
use crate::parquet::schema::Plan;
use crate::parquet::table::Table;
use crate::pipeline::{Stage, run};
use crate::tally::Tally;
use crate::warts::cursor::Fault;
use crate::warts::trace::Trace;

/// Columns of `records_bad.parquet`.
static BAD_FIELDS: [Field; 5] = [
    Field::required("input", Type::Text),
    Field::required("at", Type::I64),
    Field::required("len", Type::I64),
    Field::optional("type", Type::I32),
    Field::required("reason", Type::Text),
];

struct ToTables<'o> {
    fallback_vp: &'o str,
    traces: Plan,
    replies: Plan,
}

struct Worker {
    traces: trace_table::Traces,
    replies: reply_table::Replies,
    path: Path,
}

struct Part {
    traces: RowGroup,
    others: other_tables::Rows,
    replies: RowGroup,
    tally: Tally,
}

struct Filling<'w> {
    others: other_tables::Rows,
    worker: &'w mut Worker,
    fallback_vp: Option<&'w [u8]>,
    loops: u64,
    ambiguous: u64,
}

impl Visitor for Filling<'_> {
    fn trace(&mut self, at: Place<'_>, trace: &Trace<'_>) {
        let path = &mut self.worker.path;
        path.rebuild(trace);
        self.loops += u64::from(path.loop_at.is_some());
        self.ambiguous += u64::from(path.ambiguous);
        let vp = at.span.tables.vantage_point(trace.list_id, trace.cycle_id);
        let vp = vp.or(self.fallback_vp);
        self.worker.traces.append(vp, at, trace, path);
        self.worker.replies.append(at.trace_id, vp, trace);
    }

    fn other(&mut self, at: Place<'_>, body: &[u8]) -> std::result::Result<bool, Fault> {
        self.others.append(at, self.fallback_vp, body)
    }
}

impl Stage for ToTables<'_> {
    type Worker = Worker;
    type Part = Part;

    fn worker(&self) -> Worker {
        Worker {
            traces: trace_table::Traces::default(),
            replies: reply_table::Replies::default(),
            path: Path::default(),
        }
    }

    fn work(&self, worker: &mut Worker, batch: &Batch) -> Result<Part> {
        let mut filling = Filling {
            others: other_tables::Rows::default(),
            worker,
            fallback_vp: Some(self.fallback_vp.as_bytes()).filter(|vp| !vp.is_empty()),
            loops: 0,
            ambiguous: 0,
        };
        let mut tally = visit(batch, &mut filling);
        tally.loops = filling.loops;
        tally.ambiguous_hops = filling.ambiguous;
        let others = filling.others;
        let traces = worker.traces.encode(&self.traces)?;
        let replies = worker.replies.encode(&self.replies)?;
        Ok(Part { traces, others, replies, tally })
    }
}

/// Tables under construction; all but the first two appear with their first row.
struct Tables<'o> {
    order: &'o Order<'o>,
    traces: Table,
    replies: Table,
    others: [Option<Table>; other_tables::TABLES.len()],
}

impl Tables<'_> {
    fn append(&mut self, part: Part) -> Result<()> {
        self.traces.append_group(part.traces)?;
        self.replies.append_group(part.replies)?;
        for (i, columns) in part.others.tables.iter().enumerate() {
            if columns.first().is_some_and(|column| column.rows() > 0) {
                let (name, fields) = other_tables::TABLES[i];
                let table = match self.others[i].take() {
                    Some(table) => table,
                    None => self.order.table(name, fields)?,
                };
                self.others[i].insert(table).append(columns)?;
            }
        }
        Ok(())
    }
}

/// What to write, and where.
#[derive(Debug, Clone, Copy)]
pub struct Order<'o> {
    /// The folder of the tables.
    pub into: &'o FilePath,
    /// Threads to use.
    pub threads: usize,
    /// Vantage point of records that carry none; empty is unknown.
    pub fallback_vp: &'o str,
    /// Are digests of the files wanted?
    pub with_digest: bool,
    /// Notes for the files' metadata.
    pub notes: &'o [(&'static str, String)],
    /// Names of the inputs.
    pub inputs: &'o [String],
}

/// Write the tables of all inputs of `cutter` as `order` says.
///
/// # Errors
/// Opening, reading or writing failed; then no table is published.
pub fn convert(cutter: &mut Cutter, order: &Order<'_>) -> Result<(Vec<Written>, Tally)> {
    let into = order.into;
    std::fs::create_dir_all(into)
        .map_err(|source| Error::Write { path: into.to_owned(), source })?;
    let mut tables = Tables {
        traces: order.table("traces", &trace_table::FIELDS)?,
        replies: order.table("replies", &reply_table::FIELDS)?,
        others: Default::default(),
        order,
    };
    let mut tally = Tally::default();
    let stage = ToTables {
        fallback_vp: order.fallback_vp,
        traces: plan(&trace_table::FIELDS)?,
        replies: plan(&reply_table::FIELDS)?,
    };
    run(&stage, cutter, order.threads, |mut part| {
        tally.add(std::mem::take(&mut part.tally));
        tables.append(part)
    })?;
    if tally.total() == 0 {
        return Ok((Vec::new(), tally));
    }
    let mut ready = vec![tables.traces, tables.replies];
    ready.extend(tables.others.into_iter().flatten());
    if tally.damage_count > 0 {
        ready.push(bad_records(&tally, order)?);
    }
    // All tables are whole and durable before the first gets its name.
    let sealed = ready.into_iter().map(|table| table.seal(order.notes));
    let sealed = sealed.collect::<Result<Vec<_>>>()?;
    let written = sealed.into_iter().map(Sealed::publish);
    Ok((written.collect::<Result<_>>()?, tally))
}

impl Order<'_> {
    fn table(&self, name: &str, fields: &'static [Field]) -> Result<Table> {
        let path = self.into.join(format!("{name}.parquet"));
        Table::create(&path, fields, self.with_digest)
    }
}

fn bad_records(tally: &Tally, order: &Order<'_>) -> Result<Table> {
    let mut table = order.table("records_bad", &BAD_FIELDS)?;
    for damage in &tally.damage {
        let name = order.inputs.get(damage.input).map_or("?", String::as_str);
        let mut row = Row::new(table.columns());
        row.text(Some(name.as_bytes()));
        row.int(Some(damage.at as i64));
        row.int(Some(damage.len as i64));
        row.int(damage.kind.map(|kind| kind.0));
        row.text(Some(damage.reason.as_bytes()));
        table.end_row()?;
    }
    Ok(table)
}
