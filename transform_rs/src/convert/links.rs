//! From traces to links.

use std::path::Path as FilePath;

use crate::cut::{Batch, Cutter};
use crate::decode::{Place, Visitor, visit};
use crate::error::Result;
use crate::links::merge::is_parquet;
use crate::links::merger::merge_sorted;
use crate::links::path::Path;
use crate::links::row::Link;
use crate::links::store::{Observer, Store};
use crate::links::{table, text};
use crate::output::{Output, Written};
use crate::parquet::table::Table;
use crate::pipeline::{Stage, run};
use crate::tally::Tally;
use crate::warts::trace::Trace;

/// How links are collected.
#[derive(Debug, Clone, Copy)]
pub struct Order<'o> {
    /// Threads to use.
    pub threads: usize,
    /// Vantage point of traces that carry none; empty is unknown.
    pub fallback_vp: &'o str,
    /// Memory for links, bytes; what does not fit goes to temporary files.
    pub memory: usize,
    /// Where these are.
    pub temporary: &'o FilePath,
}

struct Collecting<'w> {
    store: &'w mut Store,
    path: Path,
    fallback_vp: &'w str,
    loops: u64,
    ambiguous: u64,
}

impl Visitor for Collecting<'_> {
    fn trace(&mut self, at: Place<'_>, trace: &Trace<'_>) {
        self.path.rebuild(trace);
        self.loops += u64::from(self.path.loop_at.is_some());
        self.ambiguous += u64::from(self.path.ambiguous);
        let vp = at.span.tables.vantage_point(trace.list_id, trace.cycle_id);
        let vp = self.store.vp(vp.unwrap_or(self.fallback_vp.as_bytes()));
        let observed_at = trace.start.unwrap_or_default().sec;
        self.store.add(&self.path, Observer { vp, dst: trace.dst, at: observed_at });
    }
}

impl Stage for Order<'_> {
    type Worker = Store;
    type Part = Tally;

    fn worker(&self) -> Store {
        Store::new(self.memory / self.threads.max(1))
    }

    fn work(&self, store: &mut Store, batch: &Batch) -> Result<Tally> {
        let path = Path::default();
        let fallback_vp = self.fallback_vp;
        let mut visitor = Collecting { store, path, fallback_vp, loops: 0, ambiguous: 0 };
        let mut tally = visit(batch, &mut visitor);
        tally.loops = visitor.loops;
        tally.ambiguous_hops = visitor.ambiguous;
        store.relieve(self.temporary)?;
        Ok(tally)
    }
}

/// The links of all traces in the inputs of `cutter`, sorted by address.
///
/// # Errors
/// [`crate::error::Error::Open`] and [`crate::error::Error::Read`].
pub fn collect(
    cutter: &mut Cutter,
    order: &Order<'_>,
) -> Result<(impl Iterator<Item = Result<Link>> + use<>, Tally)> {
    let mut tally = Tally::default();
    let mut stores = run(order, cutter, order.threads, |part| {
        tally.add(part);
        Ok(())
    })?;
    let runs = stores.iter_mut().flat_map(Store::take_runs).collect();
    let held = stores.into_iter().map(|mut store| store.drain_sorted()).collect();
    Ok((merge_sorted(runs, held, order.temporary), tally))
}

/// Write sorted links to `path`: Parquet if the name ends in `.parquet`, else text.
///
/// # Errors
/// [`crate::error::Error::Write`].
pub fn write(
    links: impl Iterator<Item = Result<Link>>,
    path: &FilePath,
    with_digest: bool,
    notes: &[(&str, String)],
) -> Result<Written> {
    if is_parquet(path) {
        let mut file = Table::create(path, &table::FIELDS, with_digest)?;
        for link in links {
            table::append(&link?, file.columns());
            file.end_row()?;
        }
        return file.publish(notes);
    }
    let mut output = Output::create(path, with_digest)?;
    let mut line = Vec::with_capacity(128);
    let mut rows = 0;
    for link in links {
        line.clear();
        text::write(&link?, &mut line);
        output.write(&line)?;
        rows += 1;
    }
    output.publish(rows)
}
