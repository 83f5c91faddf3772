//! From records to JSON lines.

use std::path::Path as FilePath;
use std::sync::{Mutex, PoisonError};

use crate::cut::{Batch, Cutter};
use crate::decode::{Place, Visitor, visit};
use crate::error::Result;
use crate::jsonl;
use crate::output::{Output, Written};
use crate::pipeline::{Stage, run};
use crate::tally::Tally;
use crate::warts::cursor::Fault;
use crate::warts::dealias::Dealias;
use crate::warts::kind::Kind;
use crate::warts::ping::Ping;
use crate::warts::tables::Entry;
use crate::warts::tbit::Tbit;
use crate::warts::trace::Trace;
use crate::warts::tracelb::Tracelb;

/// What lines say.
#[derive(Debug, Clone, Copy)]
pub enum Form<'o> {
    /// What `sc_warts2json` says, of all types that it prints.
    Scamper,
    /// What RIPE Atlas says, of traces; with the vantage point of records that carry none.
    Atlas(&'o str),
}

/// Buffers of lines that were written go back to the workers.
struct ToJson<'o> {
    form: Form<'o>,
    spare: Mutex<Vec<Vec<u8>>>,
}

impl ToJson<'_> {
    fn spare(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Part {
    lines: Vec<u8>,
    rows: u64,
    tally: Tally,
}

struct Writing<'o> {
    form: Form<'o>,
    lines: Vec<u8>,
    rows: u64,
}

impl Visitor for Writing<'_> {
    fn trace(&mut self, at: Place<'_>, trace: &Trace<'_>) {
        let tables = &at.span.tables;
        match self.form {
            Form::Scamper => jsonl::trace::write(trace, tables, &mut self.lines),
            Form::Atlas(fallback) => {
                let vp = tables.vantage_point(trace.list_id, trace.cycle_id);
                let fallback = Some(fallback.as_bytes()).filter(|vp| !vp.is_empty());
                jsonl::atlas::write(trace, tables, vp.or(fallback), &mut self.lines);
            }
        }
        self.rows += 1;
    }

    fn other(&mut self, at: Place<'_>, body: &[u8]) -> std::result::Result<bool, Fault> {
        if matches!(self.form, Form::Atlas(_)) {
            return Ok(false);
        }
        let (kind, tables) = (at.record.kind, &at.span.tables);
        let lines = &mut self.lines;
        match kind {
            Kind::CYCLE_START | Kind::CYCLE_DEF | Kind::CYCLE_STOP => {
                let entry = Entry::decode(kind, body)?;
                self.rows += u64::from(jsonl::cycle::write(kind, &entry, tables, lines));
                return Ok(true);
            }
            Kind::PING => jsonl::ping::write(&Ping::decode(body, tables)?, lines),
            Kind::TRACELB => jsonl::tracelb::write(&Tracelb::decode(body, tables)?, lines),
            Kind::TBIT => jsonl::tbit::write(&Tbit::decode(body)?, lines),
            Kind::DEALIAS => jsonl::dealias::write(&Dealias::decode(body, tables)?, lines),
            _ => return Ok(false),
        }
        self.rows += 1;
        Ok(true)
    }
}

impl Stage for ToJson<'_> {
    type Worker = ();
    type Part = Part;

    fn worker(&self) {}

    fn work(&self, (): &mut (), batch: &Batch) -> Result<Part> {
        let mut lines = self.spare().pop().unwrap_or_default();
        lines.clear();
        let mut writing = Writing { form: self.form, lines, rows: 0 };
        let tally = visit(batch, &mut writing);
        Ok(Part { lines: writing.lines, rows: writing.rows, tally })
    }
}

/// Write the records of all inputs of `cutter` as JSON lines to `path`.
///
/// # Errors
/// Opening, reading or writing failed; then nothing is published.
pub fn convert(
    cutter: &mut Cutter,
    path: &FilePath,
    form: Form<'_>,
    threads: usize,
    with_digest: bool,
) -> Result<(Vec<Written>, Tally)> {
    let mut output = Output::create(path, with_digest)?;
    let (mut tally, mut rows) = (Tally::default(), 0);
    let stage = ToJson { form, spare: Mutex::default() };
    run(&stage, cutter, threads, |part| {
        output.write(&part.lines)?;
        tally.add(part.tally);
        rows += part.rows;
        stage.spare().push(part.lines);
        Ok(())
    })?;
    if tally.total() == 0 {
        return Ok((Vec::new(), tally));
    }
    Ok((vec![output.publish(rows)?], tally))
}
