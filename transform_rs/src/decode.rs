//! The records of a batch, decoded one after the other for a visitor.

use crate::cut::{Batch, RecordAt, Span};
use crate::tally::Tally;
use crate::warts::cursor::Fault;
use crate::warts::kind::Kind;
use crate::warts::trace::Trace;

/// Takes the records of a batch in file order.
pub trait Visitor {
    /// A good trace.
    fn trace(&mut self, at: Place<'_>, trace: &Trace<'_>);

    /// A record of another type; true if it was used.
    ///
    /// # Errors
    /// A [`Fault`] if the record contradicts itself.
    fn other(&mut self, _at: Place<'_>, _body: &[u8]) -> Result<bool, Fault> {
        Ok(false)
    }
}

/// Where a record lies and what it refers to.
#[derive(Debug, Clone, Copy)]
pub struct Place<'b> {
    /// The record.
    pub record: RecordAt,
    /// Its span.
    pub span: &'b Span,
    /// How many trace records, good or bad, come before it in all inputs.
    pub trace_id: u64,
}

impl Place<'_> {
    /// Offset of the record in its unpacked input.
    pub fn offset(&self) -> u64 {
        self.span.offset_of(self.record)
    }
}

/// Decode all records of `batch` for `visitor`; bad ones are counted as damage.
pub fn visit(batch: &Batch, visitor: &mut impl Visitor) -> Tally {
    let mut tally = Tally::of(batch);
    let mut trace = Trace::default();
    let mut trace_id = batch.first_trace;
    let mut traces = [0; 256];
    for (span, record) in batch.iter() {
        let body = batch.body(record);
        let place = Place { record, span, trace_id };
        trace_id += u64::from(record.kind == Kind::TRACE);
        let outcome = match record.kind {
            Kind::TRACE => trace.decode(body, &span.tables).map(|()| {
                traces[usize::from(trace.stop_reason.unwrap_or(0))] += 1;
                tally.replies += trace.path_hops().len() as u64;
                visitor.trace(place, &trace);
                true
            }),
            _ => visitor.other(place, body),
        };
        match outcome {
            Ok(true) if record.kind == Kind::TRACE => {}
            Ok(true) => tally.note(record.kind),
            Ok(false) if record.kind <= Kind::ADDRESS => tally.note(record.kind),
            Ok(false) => tally.note_skipped(record.kind),
            Err(fault) => tally.note_fault(span, record, fault),
        }
    }
    tally.note_traces(&traces);
    tally
}
